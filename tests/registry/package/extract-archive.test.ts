import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ArchiveLimits } from '../../../src/registry/package/archive-limits.ts';
import { extractArchive } from '../../../src/registry/package/extract-archive.ts';
import { refusalOf, withFolder } from '../gate/gate.ts';
import { type ZipEntry, zip } from './zip.ts';

const text = (content: string) => Buffer.from(content);
const model: ZipEntry = { name: 'model.json', data: text('{}') };

/** Unpacks and answers the files with their contents. */
const extract = (bytes: Buffer, limits: Partial<ArchiveLimits> = {}) =>
  withFolder(async (folder) => {
    await writeFile(join(folder, 'in.zip'), bytes);
    await extractArchive(join(folder, 'in.zip'), join(folder, 'out'), limits);
    const found = await readdir(join(folder, 'out'), { recursive: true, withFileTypes: true });
    const files = found.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
    const prefix = join(folder, 'out').length + 1;
    return Object.fromEntries(
      await Promise.all(files.sort().map(async (file) => [file.slice(prefix), await readFile(file, 'utf8')])),
    );
  });

/** Unpacks, expects a refusal and that it left nothing, neither in the folder nor outside of it. */
const refused = (bytes: Buffer, limits: Partial<ArchiveLimits> = {}) =>
  withFolder(async (folder) => {
    await mkdir(join(folder, 'home/out'), { recursive: true });
    await writeFile(join(folder, 'in.zip'), bytes);
    const refusal = await refusalOf(extractArchive(join(folder, 'in.zip'), join(folder, 'home/out'), limits));
    expect(await readdir(folder, { recursive: true })).toEqual(['home', 'in.zip', 'home/out']);
    return refusal;
  });

describe('extractArchive', () => {
  test('writes files and folders', async () => {
    const files = await extract(
      zip([model, { name: 'weights/', mode: 0o040755 }, { name: 'weights/a.bin', data: text('abc'), compress: true }]),
    );
    expect(files).toEqual({ 'model.json': '{}', 'weights/a.bin': 'abc' });
  });

  test('leaves out one single top folder and what macOS adds', async () => {
    const files = await extract(
      zip([
        { name: 'my-model/', mode: 0o040755 },
        { name: 'my-model/model.json', data: text('{}') },
        { name: 'my-model/a/b.bin', data: text('b') },
        { name: 'my-model/.DS_Store', data: text('x') },
        { name: '__MACOSX/my-model/._model.json', data: text('x') },
      ]),
    );
    expect(files).toEqual({ 'model.json': '{}', 'a/b.bin': 'b' });
  });

  test('keeps two top folders', async () => {
    const files = await extract(
      zip([
        { name: 'a/x', data: text('1') },
        { name: 'b/x', data: text('2') },
      ]),
    );
    expect(files).toEqual({ 'a/x': '1', 'b/x': '2' });
  });

  test('accepts archives made on Windows, without Unix modes', async () => {
    expect(await extract(zip([{ ...model, mode: 0, dosAttributes: 0x20 }]))).toEqual({ 'model.json': '{}' });
  });
});

describe('M18 names that lead out of the package', () => {
  const long = `${'a'.repeat(256)}.bin`;
  test.each<[string, ZipEntry[]]>([
    ['../../etc/cron.d/x', [{ name: '../../etc/cron.d/x' }]],
    ['a parent inside', [{ name: 'a/../../x' }]],
    ['an absolute path', [{ name: '/etc/passwd' }]],
    ['..\\', [{ name: '..\\..\\x' }]],
    ['a drive letter', [{ name: 'C:/x' }]],
    ['a drive letter without a slash', [{ name: 'c:x' }]],
    ['a NUL', [{ name: 'model.json\0.png' }]],
    ['a line feed', [{ name: 'a\nb' }]],
    ['a dot', [{ name: './x' }]],
    ['an empty part', [{ name: 'a//b' }]],
    ['an empty name', [{ name: '' }]],
    ['a part that is too long', [{ name: long }]],
    ['more parts than 32', [{ name: `${'a/'.repeat(40)}b` }]],
    ['a folder above', [{ name: '../', mode: 0o040755 }]],
    ['a symbolic link', [{ name: 'link', data: text('/etc/passwd'), mode: 0o120777 }]],
    [
      'a symbolic link below a folder that is one',
      [
        { name: 'a', data: text('/tmp'), mode: 0o120777 },
        { name: 'a/b', data: text('x') },
      ],
    ],
    ['a device', [{ name: 'zero', mode: 0o020666 }]],
    ['a pipe', [{ name: 'pipe', mode: 0o010666 }]],
    ['a folder by mode that is a file by name', [{ name: 'folder', mode: 0o040755 }]],
    ['a link of Windows', [{ name: 'link', dosAttributes: 0x400 }]],
    [
      'a hard link',
      [{ name: 'link', extra: Buffer.concat([Buffer.from([0x0d, 0, 18, 0]), Buffer.alloc(12), text('passwd')]) }],
    ],
    ['the same name twice', [{ name: 'a' }, { name: 'a' }]],
    ['the same name but for letter case', [{ name: 'Model.json' }, { name: 'mODEL.json' }]],
    ['the same name but for ß', [{ name: 'straße' }, { name: 'STRASSE' }]],
    ['the same name but for its Unicode form', [{ name: 'é.bin' }, { name: 'e\u0301.bin' }]],
    ['a file that is a folder too', [{ name: 'a' }, { name: 'a/b' }]],
    ['a folder that is a file too', [{ name: 'a/b' }, { name: 'A' }]],
  ])('M18 %s', async (_name, entries) => {
    expect(await refused(zip([model, ...entries]))).toMatchObject({ code: 'ARCHIVE_PATH' });
  });
});

describe('M19 archives that grow', () => {
  const megabytes = (count: number) => Buffer.alloc(count * 2 ** 20);

  test('M19 an entry of ratio 1,000', async () => {
    const data = megabytes(8);
    const bytes = zip([model, { name: 'bomb', data, compress: true }]);
    expect(bytes.byteLength).toBeLessThan(2 ** 14);
    expect(await refused(bytes)).toMatchObject({ code: 'ARCHIVE_LIMIT' });
  });

  test('M19 small files may be dense', async () => {
    const files = await extract(
      zip([
        model,
        { name: 'zeros', data: Buffer.alloc(2 ** 20), compress: true },
        { name: 'noise', data: Buffer.alloc(20_000, 'ab') },
      ]),
    );
    expect(Object.keys(files)).toEqual(['model.json', 'noise', 'zeros']);
  });

  test('M19 many entries that are each small', async () => {
    const packed = deflateRawSync(Buffer.alloc(2 ** 20));
    const entries = Array.from({ length: 900 }, (_, at) => ({
      name: `z${at}`,
      data: Buffer.alloc(2 ** 20),
      deflated: packed,
    }));
    expect(await refused(zip(entries))).toMatchObject({ code: 'ARCHIVE_LIMIT' });
  });

  test('M19 a size that is told too small', async () => {
    const bytes = zip([model, { name: 'bomb', data: megabytes(8), compress: true, size: 1_000 }]);
    expect(await refused(bytes)).toMatchObject({ code: 'MODEL_MALFORMED' });
  });

  test('M19 1,001 entries', async () => {
    const entries = Array.from({ length: 1_001 }, (_, at) => ({ name: `e${at}` }));
    expect(await refused(zip(entries))).toMatchObject({ code: 'ARCHIVE_LIMIT' });
    await expect(extract(zip(entries.slice(1)))).resolves.toBeDefined();
  });

  test('M19 more than the total', async () => {
    const bytes = zip([
      { name: 'a', data: Buffer.alloc(600) },
      { name: 'b', data: Buffer.alloc(600) },
    ]);
    expect(await refused(bytes, { totalBytes: 1_000 })).toMatchObject({ code: 'ARCHIVE_LIMIT' });
    await expect(extract(bytes, { totalBytes: 1_200 })).resolves.toBeDefined();
  });

  test.each([true, false])('M19 a zip within (compressed: %s)', async (compress) => {
    expect(await refused(zip([model, { name: 'inner.bin', data: zip([model]), compress }]))).toMatchObject({
      code: 'ARCHIVE_LIMIT',
    });
  });

  test('M19 an encrypted entry', async () => {
    expect(await refused(zip([model, { name: 'secret', data: text('x'), compress: true, flags: 1 }]))).toMatchObject({
      code: 'ARCHIVE_LIMIT',
    });
  });
});

describe('M5 broken archives', () => {
  const whole = zip([model, { name: 'w.bin', data: Buffer.alloc(5_000, 'abc'), compress: true }]);
  const flipped = (at: number) => {
    const copy = Buffer.from(whole);
    copy[at] = (copy[at] as number) ^ 0xff;
    return copy;
  };

  test.each<[string, Buffer]>([
    ['cut off', whole.subarray(0, whole.byteLength - 30)],
    ['without files', zip([])],
    ['folders only', zip([{ name: 'a/', mode: 0o040755 }])],
    ['not a zip at the start', Buffer.concat([text('#!/bin/sh\n'), whole])],
    ['an unknown compression', zip([{ ...model, method: 12 }])],
    ['broken data', zip([{ name: 'x', data: text('hello'), deflated: text('\xff\xff\xff') }])],
    ['a broken table of contents', flipped(whole.byteLength - 50)],
  ])('M5 %s', async (_name, bytes) => {
    expect((await refused(bytes)).code).toBe('MODEL_MALFORMED');
  });

  test('a folder that is not empty is left alone', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'in.zip'), whole);
      await mkdir(join(folder, 'out'));
      await writeFile(join(folder, 'out/mine'), 'x');
      await expect(extractArchive(join(folder, 'in.zip'), join(folder, 'out'))).rejects.toThrow();
      expect(await readdir(folder)).toEqual(['in.zip', 'out']);
      expect(existsSync(join(folder, 'out/mine'))).toBe(true);
    });
  });
});
