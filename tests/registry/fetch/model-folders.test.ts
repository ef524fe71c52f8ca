import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ModelFolders } from '../../../src/registry/fetch/model-folders.ts';
import { isModelFile } from '../../../src/registry/folder/read-entries.ts';
import { refusal } from '../../support/codes.ts';

let outside: string;
let root: string;
let product: string;
let folders: ModelFolders;

beforeAll(async () => {
  outside = await realpath(await mkdtemp(join(tmpdir(), 'folders-')));
  root = join(outside, 'mine');
  product = join(outside, 'product', 'models');
  for (const folder of [
    join(root, 'iris', 'onnx'),
    join(root, 'linked'),
    join(product, 'bundles'),
    join(outside, 'mine-too'),
  ])
    await mkdir(folder, { recursive: true });
  for (const file of [
    'mine/iris/model.onnx',
    'mine/iris/onnx/more.onnx',
    'mine/iris/vocab.txt',
    'mine/iris/notes.txt',
    'mine/iris/a.png',
    'product/models/bundles/digits.onnx',
    'secret',
    'mine-too/x.onnx',
  ])
    await writeFile(join(outside, file), file);
  await symlink(join(outside, 'secret'), join(root, 'link-out'));
  await symlink(outside, join(root, 'folder-out'));
  await symlink(join(root, 'iris', 'model.onnx'), join(root, 'linked', 'model.onnx'));
  await symlink(join(root, 'iris'), join(root, 'iris-again'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  folders = new ModelFolders([root, product]);
  return () => rm(outside, { recursive: true, force: true });
});

describe('a reference', () => {
  it.each([
    ['iris', 'mine/iris', true],
    ['./iris/', 'mine/iris', true],
    ['iris/model.onnx', 'mine/iris/model.onnx', false],
    ['iris-again', 'mine/iris', true],
    ['linked/model.onnx', 'mine/iris/model.onnx', false],
    ['bundles/digits.onnx', 'product/models/bundles/digits.onnx', false],
    ['models/bundles/digits.onnx', 'product/models/bundles/digits.onnx', false],
    ['folder-out/mine/iris', 'mine/iris', true],
  ])('%s means %s', async (reference, place, isFolder) => {
    expect(await folders.find(reference)).toEqual({ path: join(outside, place), isFolder });
  });

  it('may be absolute when it lies in one of the folders', async () => {
    expect((await folders.find(join(root, 'iris'))).path).toBe(join(root, 'iris'));
  });

  it('that is not there, leads out or is no file is refused in the same words', async () => {
    const references = [
      '',
      'nothing',
      '..',
      '../secret',
      'iris/../../secret',
      'iris/../iris',
      'iris\\..\\..\\secret',
      '/etc/passwd',
      '/proc/self/environ',
      join(outside, 'secret'),
      join(outside, 'mine-too', 'x.onnx'),
      join(root, '..', 'secret'),
      'link-out',
      'folder-out',
      'folder-out/secret',
      'pipe',
      'iris/model.onnx/',
      'iris\0',
      `${'a/'.repeat(3000)}b`,
      '~/x',
      'file:///etc/passwd',
      '%2e%2e/secret',
    ];
    const words = new Set<string>();
    for (const reference of references) {
      const { code, message } = await refusal(() => folders.find(reference));
      expect([reference.slice(0, 40), code]).toEqual([reference.slice(0, 40), 'PATH_FORBIDDEN']);
      words.add(message.replace(JSON.stringify(reference.slice(0, 256)), 'IT'));
      expect(message.replace(JSON.stringify(reference.slice(0, 256)), 'IT')).not.toContain(outside);
    }
    expect(words.size).toBe(1);
  });

  it('finds nothing where no folder is', async () => {
    expect((await refusal(() => new ModelFolders([join(outside, 'nowhere')]).find('iris'))).code).toBe(
      'PATH_FORBIDDEN',
    );
  });
});

describe('a folder', () => {
  it('is its model files, through links that stay inside', async () => {
    const files = await folders.filesOf(await folders.find('iris'));
    expect(files.map(({ path, size }) => [path, size])).toEqual([
      ['model.onnx', 'mine/iris/model.onnx'.length],
      ['onnx/more.onnx', 'mine/iris/onnx/more.onnx'.length],
      ['vocab.txt', 'mine/iris/vocab.txt'.length],
    ]);
    expect(await folders.filesOf(await folders.find('linked'))).toEqual([
      { path: 'model.onnx', source: join(root, 'iris', 'model.onnx'), size: 'mine/iris/model.onnx'.length },
    ]);
  });

  it('with a link that leads out is refused', async () => {
    const { code, message } = await refusal(async () => folders.filesOf(await folders.find(root)));
    expect([code, message.includes('secret')]).toEqual(['PATH_FORBIDDEN', false]);
  });

  it('that goes round in circles, or on and on, is refused', async () => {
    const circle = join(root, 'circle');
    await mkdir(circle);
    onTestFinished(() => rm(circle, { recursive: true }));
    await symlink(circle, join(circle, 'again'));
    expect((await refusal(async () => folders.filesOf(await folders.find('circle')))).code).toBe('ARCHIVE_LIMIT');
    const many = join(root, 'many');
    await mkdir(many);
    onTestFinished(() => rm(many, { recursive: true }));
    for (let i = 0; i < 1001; i++) await writeFile(join(many, `${i}.json`), '');
    expect((await refusal(async () => folders.filesOf(await folders.find('many')))).code).toBe('ARCHIVE_LIMIT');
  });

  it.each([
    ['vocab.txt', true],
    ['onnx/merges.txt', true],
    ['my-vocab.txt', false],
    ['SOURCES.txt', false],
    ['a/golden.json', false],
    ['README.md', false],
    ['model.onnx', true],
  ])('holds %s as part of the model: %s', (file, expected) => expect(isModelFile(file)).toBe(expected));
});
