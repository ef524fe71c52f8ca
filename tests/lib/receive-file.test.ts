import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiveFile } from '../../src/lib/receive-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receive-'));
});
afterEach(() => rm(folder, { recursive: true }));

const tooLarge = () => new Error('too large');

describe('receiving a file', () => {
  it('writes all bytes, with their size and sha256', async () => {
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 31) % 251));
    const chunks = [bytes.subarray(0, 1), bytes.subarray(1, 70_000), bytes.subarray(70_000)];
    const file = await receiveFile(Readable.from(chunks), join(folder, 'new', 'place'), bytes.length, tooLarge);
    expect(await readFile(file.path)).toEqual(bytes);
    expect(file.size).toBe(200_000);
    expect(file.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('of nothing has the digest of nothing', async () => {
    const file = await receiveFile(Readable.from([]), folder, 10, tooLarge);
    expect(file).toMatchObject({ size: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' });
    expect((await readFile(file.path)).length).toBe(0);
  });

  it('one byte beyond the limit leaves nothing, and the source is closed', async () => {
    const source = Readable.from([Buffer.alloc(6), Buffer.alloc(5), Buffer.alloc(5)]);
    await expect(receiveFile(source, folder, 10, tooLarge)).rejects.toThrow('too large');
    expect(await readdir(folder)).toEqual([]);
    expect(source.destroyed).toBe(true);
  });

  it('a source that breaks off leaves nothing', async () => {
    async function* broken() {
      yield Buffer.alloc(10);
      throw new Error('cable pulled');
    }
    await expect(receiveFile(Readable.from(broken()), folder, 100, tooLarge)).rejects.toThrow('cable pulled');
    expect(await readdir(folder)).toEqual([]);
  });

  it('a source that was closed before, its end unread, is refused', async () => {
    for (const reason of [undefined, new Error('cable pulled')]) {
      const source = new PassThrough();
      source.end('abc');
      source.on('error', () => {}).destroy(reason);
      await expect(receiveFile(source, folder, 100, tooLarge)).rejects.toThrow(reason?.message ?? 'closed before');
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('two at once do not meet', async () => {
    const [a, b] = await Promise.all(
      ['a', 'b'].map((text) => receiveFile(Readable.from([Buffer.from(text)]), folder, 1, tooLarge)),
    );
    expect(a?.path).not.toBe(b?.path);
    expect((await readdir(folder)).length).toBe(2);
  });
});
