import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FolderEntry } from '../../../src/registry/folder/folder-entry.ts';
import { gatherBytes, gatherFolder } from '../../../src/registry/folder/gather-bytes.ts';
import { findLooseModels, readEntries } from '../../../src/registry/folder/read-entries.ts';
import { unpackModel } from '../../../src/registry/package/unpack-model.ts';
import { fileServer } from '../fetch/file-server.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'folder-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
const entry = (source: unknown, more = {}) => ({ modelName: 'iris', framework: 'onnx', source, ...more });
const bundle = { type: 'bundle', path: 'bundles/iris.zip' };

describe('a description', () => {
  it('has defaults', () => {
    expect(FolderEntry.parse(entry(bundle))).toEqual({
      ...entry(bundle),
      modelVersion: 'v1',
      stage: 'candidate',
      metadata: {},
    });
  });

  it.each([
    ['no source', undefined],
    ['another source', { type: 'url', path: 'x' }],
    ['an absolute path', { type: 'bundle', path: '/etc/passwd' }],
    ['a parent folder', { type: 'bundle', path: '../x' }],
    ['a parent folder inside', { type: 'bundle', path: 'a/../../x' }],
    ['a parent folder at the end', { type: 'bundle', path: 'a/..' }],
    ['a parent folder on a second line', { type: 'bundle', path: 'a\n/../../x' }],
    ['a backslash', { type: 'bundle', path: 'a\\..\\x' }],
    ['an empty path', { type: 'bundle', path: '' }],
    ['no files', { type: 'npm', package: 'p', files: [] }],
    ['a file outside', { type: 'npm', package: 'p', files: ['a', '../b'] }],
    ['no repository', { type: 'huggingface', repository: 'https://x/y', files: ['a'] }],
    ['an unknown field', { ...bundle, sha1: 'x' }],
  ])('with %s is refused', (_what, source) => expect(FolderEntry.safeParse(entry(source)).success).toBe(false));

  it.each(['..a/b', 'a..b', 'a/...', 'a/.hidden'])('may name %s', (path) =>
    expect(FolderEntry.safeParse(entry({ type: 'bundle', path })).success).toBe(true),
  );
});

describe('a folder of descriptions', () => {
  it('gives every entry, and every problem instead of the first', async () => {
    const good = JSON.stringify(entry(bundle));
    await write({
      'b.json': good,
      'a.json': '{',
      'c.json': '{"modelName":"x"}',
      'TEMPLATE.json': '{',
      'notes.md': 'x',
      'd.json': good,
    });
    const { entries, problems } = await readEntries(folder);
    expect(entries.length).toBe(2);
    expect(problems.map(({ file }) => file)).toEqual(['a.json', 'c.json']);
    expect(problems[1]?.message).toContain('framework');
    expect(await readEntries(join(folder, 'none'))).toEqual({ entries: [], problems: [] });
  });
});

describe('a folder of model folders', () => {
  it('finds one model each and says what it cannot take', async () => {
    await write({
      'a/model.onnx': 'x',
      'a/README.md': 'x',
      'a/picture.JPG': 'x',
      'a/golden.json': '{}',
      'a/tokenizer.json': '{}',
      'b/model.json': '{}',
      'b/group1-shard1of1.bin': 'x',
      'c/onnx/x.onnx': 'x',
      'd/one.onnx': 'x',
      'd/two.onnx': 'x',
      'e/weights.h5': 'x',
      'f/config.json': '{}',
      'f/README.md': 'x',
      'f/onnx/model.onnx': 'x',
      'f/onnx/model_quantized.onnx': 'x',
      'loose.onnx': 'x',
    });
    const { models, problems } = await findLooseModels(folder);
    expect(models.map(({ name, framework, files }) => [name, framework, ...files])).toEqual([
      ['a', 'onnx', 'model.onnx', 'tokenizer.json'],
      ['b', 'tensorflow', 'group1-shard1of1.bin', 'model.json'],
      ['c', 'onnx', 'onnx/x.onnx'],
      ['f', 'transformers', 'config.json', 'onnx/model.onnx', 'onnx/model_quantized.onnx'],
    ]);
    expect(problems.map(({ file }) => file)).toEqual(['d', 'e']);
    expect((await findLooseModels(join(folder, 'none'))).problems.length).toBe(1);
  });

  it('does not stop at a link that leads nowhere', async () => {
    await write({ 'z/model.onnx': 'x' });
    await symlink(join(folder, 'nowhere'), join(folder, 'a'));
    expect((await findLooseModels(folder)).models.map(({ name }) => name)).toEqual(['z']);
  });
});

describe('gathering bytes', () => {
  const options = () => ({
    modelsFolder: folder,
    packageJson: join(folder, 'package.json'),
    workFolder: join(folder, 'work'),
    hub: undefined,
    ollamaModels: async () => ['here:latest', 'tagged:1b'],
  });

  it('finds a bundle', async () => {
    await write({ 'bundles/iris.zip': 'zip' });
    expect(await gatherBytes('iris', { type: 'bundle', path: 'bundles/iris.zip' }, options())).toBe(
      join(folder, 'bundles/iris.zip'),
    );
  });

  it('packs files of an npm package, which the package store can unpack', async () => {
    await write({
      'node_modules/p/package.json': '{"name":"p"}',
      'node_modules/p/dist/model.json': '{"a":1}',
      'node_modules/p/w.bin': 'weights',
    });
    const zip = await gatherBytes('p', { type: 'npm', package: 'p', files: ['dist/model.json', 'w.bin'] }, options());
    const directory = join(folder, 'unpacked');
    expect(await unpackModel({ file: zip, directory, framework: 'tensorflow' })).toEqual({ entry: 'model.json' });
    expect(await readFile(join(directory, 'model.json'), 'utf8')).toBe('{"a":1}');
    expect(await readFile(join(directory, 'w.bin'), 'utf8')).toBe('weights');
  });

  it('describes a model that an Ollama server has', async () => {
    for (const model of ['here', 'tagged:1b']) {
      const file = await gatherBytes(
        'o',
        { type: 'ollama', description: { modelName: model, mode: 'embeddings' } },
        options(),
      );
      expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ modelName: model, mode: 'embeddings' });
    }
    const ollamaModels = async () => Promise.reject(new Error('refused'));
    const silent = gatherBytes(
      'o',
      { type: 'ollama', description: { modelName: 'here', mode: 'chat' } },
      { ...options(), ollamaModels },
    );
    await expect(silent).rejects.toThrow('no Ollama server answers');
  });

  it('downloads the files of a hub and packs them, or keeps nothing', async () => {
    const server = await fileServer(({ url = '' }, response) => {
      if (url.endsWith('missing.bin')) response.writeHead(404).end('<html>');
      else response.end(url);
    });
    const hub = { endpoint: server.origin, policy: server.policy, maxBytes: 100 };
    const source = {
      type: 'huggingface' as const,
      repository: 'o/n',
      revision: 'v1',
      files: ['model.json', 'a/w.bin'],
    };
    const zip = await gatherBytes('h', source, { ...options(), hub });
    const directory = join(folder, 'unpacked');
    await unpackModel({ file: zip, directory, framework: 'tensorflow' });
    expect(await readFile(join(directory, 'a/w.bin'), 'utf8')).toBe('/o/n/resolve/v1/a/w.bin');
    const missing = { ...source, files: ['missing.bin'] };
    await expect(gatherBytes('none', missing, { ...options(), hub })).rejects.toThrow('answered 404');
    expect(await readdir(join(folder, 'work', 'none'))).toEqual([]);
  });

  it('packs a folder, or names its only file', async () => {
    await write({ 'm/a.onnx': 'x', 'm/sub/tokenizer.json': '{}' });
    const directory = join(folder, 'm');
    expect(await gatherFolder('m', directory, ['a.onnx'], options())).toBe(join(directory, 'a.onnx'));
    const zip = await gatherFolder('m', directory, ['a.onnx', 'sub/tokenizer.json'], options());
    await unpackModel({ file: zip, directory: join(folder, 'out'), framework: 'onnx' });
    expect(await readFile(join(folder, 'out/sub/tokenizer.json'), 'utf8')).toBe('{}');
  });

  it.each([
    ['iris.zip is not there', { type: 'bundle' as const, path: 'bundles/iris.zip' }],
    ['nobody is not installed', { type: 'npm' as const, package: 'nobody', files: ['a'] }],
    ['ollama pull tagged', { type: 'ollama' as const, description: { modelName: 'tagged', mode: 'chat' as const } }],
    ['ALLOW_REMOTE_MODELS=true', { type: 'huggingface' as const, repository: 'a/b', revision: 'main', files: ['a'] }],
  ])('says in one line: %s', async (words, source) => {
    await expect(gatherBytes('iris', source, options())).rejects.toThrow(words);
  });
});
