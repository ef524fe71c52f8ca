import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { differingFiles } from '../../../src/registry/package/differing-files.ts';

let [one, other] = ['', ''];
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), 'differing-'));
  onTestFinished(() => rm(root, { recursive: true }));
  [one, other] = [join(root, 'one'), join(root, 'other')];
  for (const folder of [one, other]) {
    await mkdir(join(folder, 'onnx'), { recursive: true });
    await writeFile(join(folder, 'config.json'), '{}');
    await writeFile(join(folder, 'onnx', 'model.onnx'), 'weights');
  }
});

it('finds nothing between copies', async () => {
  expect(await differingFiles(one, other)).toEqual([]);
});

it('names what changed, what only one has, and what lies deeper, in order', async () => {
  await writeFile(join(other, 'onnx', 'model.onnx'), 'weightz');
  await writeFile(join(one, 'a.txt'), '');
  await writeFile(join(other, 'z.txt'), '');
  expect(await differingFiles(one, other)).toEqual(['a.txt', 'onnx/model.onnx', 'z.txt']);
});

it('takes what cannot be read for another file', async () => {
  await rm(join(other, 'config.json'));
  await symlink('nowhere', join(other, 'config.json'));
  expect(await differingFiles(one, other)).toEqual(['config.json']);
});

it('takes a folder that is not there for an empty one', async () => {
  expect(await differingFiles(one, join(other, 'none'))).toEqual(['config.json', 'onnx/model.onnx']);
});
