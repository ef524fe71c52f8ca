import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { inspectPackage } from '../../../src/registry/gate/inspect-package.ts';
import { findEntry } from '../../../src/registry/package/find-entry.ts';
import { unpackModel } from '../../../src/registry/package/unpack-model.ts';
import { writeArchive } from '../../../src/registry/package/write-archive.ts';
import { node, onnxModel, value } from '../../support/onnx-writer.ts';
import { refusalOf, withFolder } from '../gate/gate.ts';
import { zip } from './zip.ts';

const relu = onnxModel({
  inputs: [value('x', 'float32', [4])],
  outputs: [value('y', 'float32', [4])],
  nodes: [node('Relu', ['x'], ['y'])],
});
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('unpackModel', () => {
  const unpack = (bytes: Buffer, framework: string, filename?: string) =>
    withFolder(async (folder) => {
      const from = {
        file: join(folder, 'stored'),
        directory: join(folder, 'files'),
        framework,
        ...(filename !== undefined && { filename }),
      };
      await writeFile(from.file, bytes);
      try {
        const { entry } = await unpackModel(from);
        return {
          entry,
          files: await readdir(from.directory, { recursive: true }),
          bytes: await readFile(join(from.directory, entry)),
          links: (await stat(from.file)).nlink,
        };
      } catch (error) {
        expect(await readdir(folder)).toEqual(['stored']);
        throw error;
      }
    });

  test('links a bare file', async () => {
    expect(await unpack(relu, 'onnx', 'any-name.onnx')).toMatchObject({
      entry: 'model.onnx',
      files: ['model.onnx'],
      bytes: relu,
      links: 2,
    });
    expect(await unpack(Buffer.from('{}'), 'tensorflow')).toMatchObject({ entry: 'model.json' });
  });

  test('unpacks a zip', async () => {
    const bytes = zip([
      { name: 'minilm/onnx/model.onnx', data: relu, compress: true },
      { name: 'minilm/tokenizer.json', data: Buffer.from('{}') },
    ]);
    expect(await unpack(bytes, 'onnx')).toMatchObject({ entry: 'onnx/model.onnx', bytes: relu });
  });

  test('M10 an ONNX file with a zip at its end is an ONNX file', async () => {
    const polyglot = Buffer.concat([relu, zip([{ name: 'model.json', data: Buffer.from('{}') }])]);
    expect(await unpack(polyglot, 'onnx')).toMatchObject({ entry: 'model.onnx', bytes: polyglot });
  });

  test('M10 a zip of something else', async () => {
    const refusal = await refusalOf(unpack(zip([{ name: 'readme.txt', data: Buffer.from('hi') }]), 'onnx'));
    expect(refusal).toMatchObject({ code: 'MODEL_FORMAT' });
    expect(refusal.message).toContain('readme.txt');
  });

  test('M11 a PyTorch archive', async () => {
    const bytes = zip([
      { name: 'archive/data.pkl', data: Buffer.from('80027d71002e', 'hex') },
      { name: 'archive/version', data: Buffer.from('3') },
    ]);
    expect(await refusalOf(unpack(bytes, 'onnx'))).toMatchObject({ code: 'FORMAT_NOT_LOADABLE' });
  });

  test('M11 a Keras archive', async () => {
    const bytes = zip([
      { name: 'config.json', data: Buffer.from('{}') },
      { name: 'model.weights.h5', data: Buffer.from('\x89HDF\r\n\x1a\n', 'latin1') },
    ]);
    expect(await refusalOf(unpack(bytes, 'tensorflow'))).toMatchObject({ code: 'FORMAT_NOT_LOADABLE' });
  });

  test('M18 leaves nothing behind', async () => {
    expect(await refusalOf(unpack(zip([{ name: '../x', data: relu }]), 'onnx'))).toMatchObject({
      code: 'ARCHIVE_PATH',
    });
  });

  test('M21 a bare model.json that needs weights', async () => {
    const topology = {
      class_name: 'Sequential',
      config: {
        name: 's',
        layers: [{ class_name: 'Dense', config: { name: 'd', units: 1, batch_input_shape: [null, 2] } }],
      },
    };
    const weights = [{ paths: ['w.bin'], weights: [{ name: 'd/kernel', shape: [2, 1], dtype: 'float32' }] }];
    const inspect = (weightsManifest: unknown) =>
      withFolder(async (folder) => {
        await writeFile(join(folder, 'stored'), JSON.stringify({ modelTopology: topology, weightsManifest }));
        const { entry } = await unpackModel({
          file: join(folder, 'stored'),
          directory: join(folder, 'files'),
          framework: 'tensorflow',
        });
        return inspectPackage({ directory: join(folder, 'files'), entry, framework: 'tensorflow' });
      });
    expect(await refusalOf(inspect(weights))).toMatchObject({ code: 'MODEL_MALFORMED' });
    expect(await inspect([])).toMatchObject({ kind: 'layers-model' });
  });
});

describe('findEntry', () => {
  const find = (paths: readonly string[], framework: string, filename?: string) =>
    withFolder(async (folder) => {
      for (const path of paths) {
        await mkdir(join(folder, path, '..'), { recursive: true });
        await writeFile(join(folder, path), 'x');
      }
      return findEntry(folder, framework, filename);
    });
  const two = ['onnx/model.onnx', 'onnx/model_quantized.onnx'];

  test.each<[string, readonly string[], string, string | undefined, string]>([
    ['the only .onnx', ['a/b/deep.onnx', 'config.json'], 'onnx', undefined, 'a/b/deep.onnx'],
    ['the only .onnx whatever the metadata names', ['a.onnx'], 'onnx', 'upload.zip', 'a.onnx'],
    ['the one that is named', two, 'onnx', 'model_quantized.onnx', 'onnx/model_quantized.onnx'],
    ['the one that is named by its path', two, 'onnx', 'onnx/model.onnx', 'onnx/model.onnx'],
    ['model.json', ['web/model.json', 'web/w.bin'], 'tensorflow', undefined, 'web/model.json'],
    ['model.json at the top', ['model.json', 'old/model.json'], 'tensorflow', undefined, 'model.json'],
    ['model.json when a weight file is named', ['model.json', 'w.bin'], 'tensorflow', 'w.bin', 'model.json'],
    ['another JSON that is named', ['graph.json', 'w.bin'], 'tensorflow', 'graph.json', 'graph.json'],
  ])('%s', async (_name, files, framework, filename, expected) => {
    expect(await find(files, framework, filename)).toBe(expected);
  });

  test.each<[string, readonly string[], string, string | undefined]>([
    ['two .onnx and no name', two, 'onnx', undefined],
    ['two .onnx and a name that is neither', two, 'onnx', 'other.onnx'],
    ['a name outside of the package', two, 'onnx', '../../etc/passwd'],
    ['nothing', [], 'onnx', undefined],
    ['two model.json below', ['a/model.json', 'b/model.json'], 'tensorflow', undefined],
    ['a framework without files', ['a.onnx'], 'ollama', undefined],
  ])('refuses %s', async (_name, files, framework, filename) => {
    expect(await refusalOf(find(files, framework, filename))).toMatchObject({ code: 'MODEL_FORMAT' });
  });
});

describe('writeArchive', () => {
  const big = Buffer.alloc(100_000, 'weights');

  test('writes the same bytes whatever the order, the machine’s zone or the files’ dates', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'w.bin'), big);
      const files = [
        { path: 'model.json', source: Buffer.from('{}') },
        { path: 'a/weights.bin', source: join(folder, 'w.bin') },
      ];
      await writeArchive(files, join(folder, 'one.zip'));
      await writeFile(join(folder, 'w.bin'), big, { mode: 0o600 });
      vi.stubEnv('TZ', 'Pacific/Kiritimati');
      await writeArchive(files.toReversed(), join(folder, 'two.zip'));
      vi.unstubAllEnvs();
      const one = await readFile(join(folder, 'one.zip'));
      expect(sha256(one)).toBe(sha256(await readFile(join(folder, 'two.zip'))));
      expect(sha256(one)).toBe('5158611f33b1e58b2f10678a3d58e7fcc220bcb727fd1754379894160a03590f');
      await unpackModel({ file: join(folder, 'one.zip'), directory: join(folder, 'out'), framework: 'tensorflow' });
      expect(await readFile(join(folder, 'out/a/weights.bin'))).toEqual(big);
    });
  });

  test('is read by another program', async () => {
    await withFolder(async (folder) => {
      await writeArchive(
        [
          { path: 'é/b.txt', source: Buffer.from('b') },
          { path: 'a.txt', source: Buffer.from('a') },
        ],
        join(folder, 'x.zip'),
      );
      const code = 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print(z.testzip(), z.namelist())';
      expect(execFileSync('python3', ['-c', code, join(folder, 'x.zip')], { encoding: 'utf8' })).toBe(
        "None ['a.txt', 'é/b.txt']\n",
      );
    });
  });

  test.each([['../x'], ['/x'], ['a\\b'], ['']])('refuses the path %j', async (path) => {
    await withFolder(async (folder) => {
      expect(await refusalOf(writeArchive([{ path, source: big }], join(folder, 'x.zip')))).toMatchObject({
        code: 'ARCHIVE_PATH',
      });
      expect(await readdir(folder)).toEqual([]);
    });
  });

  test('leaves nothing when a file is missing', async () => {
    await withFolder(async (folder) => {
      await expect(
        writeArchive([{ path: 'a', source: join(folder, 'absent') }], join(folder, 'x.zip')),
      ).rejects.toThrow();
      expect(await readdir(folder)).toEqual([]);
    });
  });
});
