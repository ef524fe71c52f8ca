import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PackageStore } from '../../src/registry/package-store.ts';
import { refusal } from '../support/codes.ts';
import { zip } from './package/zip.ts';

const onnxBytes = Buffer.from('any bytes do here: the gate looks at them later');
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const digest = digestOf(onnxBytes);
const opening = (bytes: Buffer) => vi.fn(async () => Readable.from([bytes]));

let root: string;
let store: PackageStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'packages-'));
  store = new PackageStore(root, 1000);
});
afterEach(() => rm(root, { recursive: true }));

const filesIn = (folder: string) => readdir(join(root, folder)).catch(() => []);
const receive = (bytes: Buffer) => store.receive(Readable.from([bytes]));

describe('admitting a package', () => {
  it('puts the bytes under their digest and leaves the received file', async () => {
    const file = await receive(onnxBytes);
    const local = await store.admit(file, 'onnx');
    expect(local).toMatchObject({ digest, entry: 'model.onnx' });
    expect(await readFile(join(local.directory, local.entry))).toEqual(onnxBytes);
    expect(await readFile(file.path)).toEqual(onnxBytes);
    expect(await filesIn('making')).toEqual([]);
  });

  it('by ten at once makes one', async () => {
    const files = await Promise.all(Array.from({ length: 10 }, () => receive(onnxBytes)));
    const made = await Promise.all(files.map((file) => store.admit(file, 'onnx')));
    expect(new Set(made.map(({ directory }) => directory)).size).toBe(1);
    expect((await filesIn('packages')).length).toBe(1);
    expect(await filesIn('making')).toEqual([]);
  });

  it('for two frameworks keeps two ways to read one digest', async () => {
    const file = await receive(onnxBytes);
    const [onnx, tensorflow] = [await store.admit(file, 'onnx'), await store.admit(file, 'tensorflow')];
    expect([onnx.entry, tensorflow.entry]).toEqual(['model.onnx', 'model.json']);
    expect(onnx.digest).toBe(tensorflow.digest);
    expect(onnx.directory).not.toBe(tensorflow.directory);
  });

  it('with two models inside is told apart by the named file', async () => {
    const file = await receive(
      zip([
        { name: 'a.onnx', data: onnxBytes },
        { name: 'b.onnx', data: Buffer.from('b') },
      ]),
    );
    expect((await store.admit(file, 'onnx', 'a.onnx')).entry).toBe('a.onnx');
    expect((await store.admit(file, 'onnx', 'b.onnx')).entry).toBe('b.onnx');
    expect((await refusal(() => store.admit(file, 'onnx'))).code).toBe('MODEL_FORMAT');
    expect((await filesIn('packages')).length).toBe(2);
    expect(await filesIn('making')).toEqual([]);
  });

  it('beyond the limit is refused while it arrives', async () => {
    expect((await refusal(() => receive(Buffer.alloc(1001)))).code).toBe('MODEL_TOO_LARGE');
    expect(await filesIn('incoming')).toEqual([]);
  });
});

describe('ensuring a package', () => {
  it('fetches it once for all who ask at the same time, and not again', async () => {
    const open = opening(onnxBytes);
    const found = await Promise.all(Array.from({ length: 10 }, () => store.ensure(digest, 'onnx', open)));
    expect(new Set(found.map(({ directory }) => directory)).size).toBe(1);
    await store.ensure(digest, 'onnx', open);
    expect(open).toHaveBeenCalledTimes(1);
    expect(await filesIn('incoming')).toEqual([]);
  });

  it('finds what another process left', async () => {
    await store.admit(await receive(onnxBytes), 'onnx');
    const open = opening(onnxBytes);
    await new PackageStore(root, 1000).ensure(digest, 'onnx', open);
    expect(open).not.toHaveBeenCalled();
  });

  it.each([
    ['bytes of another digest', opening(Buffer.from('tampered'))],
    ['no bytes', async () => undefined],
  ])('with %s in the table is refused, and nothing stays', async (_what, open) => {
    expect((await refusal(() => store.ensure(digest, 'onnx', open))).code).toBe('MODEL_UNAVAILABLE');
    expect(await filesIn('packages')).toEqual([]);
    expect(await filesIn('incoming')).toEqual([]);
  });

  it('works again after a failure', async () => {
    await refusal(() => store.ensure(digest, 'onnx', async () => undefined));
    expect((await store.ensure(digest, 'onnx', opening(onnxBytes))).digest).toBe(digest);
  });

  it('fetches anew when its folder was removed', async () => {
    const open = opening(onnxBytes);
    await store.ensure(digest, 'onnx', open);
    await store.remove(digest);
    expect(await filesIn('packages')).toEqual([]);
    await store.ensure(digest, 'onnx', open);
    expect(open).toHaveBeenCalledTimes(2);
  });
});

describe('removing and sweeping', () => {
  it('tells those who found a package that it is gone, even when it is back', async () => {
    const found = await store.ensure(digest, 'onnx', opening(onnxBytes));
    expect(await store.isGone(found)).toBe(false);
    const otherThread = new PackageStore(root, 1000);
    await otherThread.remove(digest);
    await otherThread.ensure(digest, 'onnx', opening(onnxBytes));
    expect(await store.isGone(found)).toBe(true);
    expect(await store.isGone(await store.ensure(digest, 'onnx', opening(onnxBytes)))).toBe(false);
    await otherThread.remove(digest);
    expect(await store.isGone(found)).toBe(true);
    expect(await filesIn('making')).toEqual([]);
  });

  it('removes every reading of a digest and no other digest', async () => {
    const other = Buffer.from('other');
    for (const framework of ['onnx', 'tensorflow']) await store.ensure(digest, framework, opening(onnxBytes));
    const kept = await store.ensure(digestOf(other), 'onnx', opening(other));
    await store.remove(digest);
    expect(await filesIn('packages')).toEqual([`${kept.digest}-onnx`]);
  });

  it('takes what is older than the process and no row names', async () => {
    const used = await store.admit(await receive(onnxBytes), 'onnx');
    const stray = await receive(Buffer.from('stray'));
    await store.admit(stray, 'onnx');
    await writeFile(join(root, 'incoming', 'left-over'), 'x');
    const startedLater = vi.spyOn(process, 'uptime').mockReturnValue(-10);
    await store.sweep(async () => new Set([used.digest]));
    startedLater.mockRestore();
    expect(await filesIn('incoming')).toEqual([]);
    expect(await filesIn('packages')).toEqual([`${used.digest}-onnx`]);
  });

  it('leaves what came since the process started, however old the file says it is', async () => {
    const file = await receive(onnxBytes);
    await utimes(file.path, 0, 0);
    await store.sweep(async () => new Set());
    expect((await filesIn('incoming')).length).toBe(1);
  });
});
