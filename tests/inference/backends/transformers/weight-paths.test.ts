import path from 'node:path';
import { expect, it } from 'vitest';
import { weightPaths } from '../../../../src/inference/backends/transformers/weight-paths.ts';
import { tinyPackage } from '../../../support/tiny-package.ts';

const host = 'https://hub.example/';

it('the library is given the paths of weights that are there, by either name it has for them', async () => {
  const { directory } = await tinyPackage({ 'onnx/model.onnx': 'a', 'config.json': '{}', 'resolve/main/b.onnx': 'b' });
  const cache = weightPaths(() => host);
  const model = path.join(directory, 'onnx', 'model.onnx');
  expect(await cache.match(model)).toBe(model);
  // Its address in place of the path: the host, the folder with or without its first slash, a revision, the file.
  expect(await cache.match(`${host}${directory}/resolve/main/onnx/model.onnx`)).toBe(`${directory}/onnx/model.onnx`);
  expect(await cache.match(`${host}${directory.slice(1)}/resolve/main/onnx/model.onnx`)).toBe(model);
  const odd = `${directory}/resolve/main/b.onnx`;
  expect(await cache.match(`${host}${directory}/resolve/main/resolve/main/b.onnx`)).toBe(odd);
});

it('everything else it reads itself, and nothing is kept for it', async () => {
  const { directory } = await tinyPackage({ 'onnx/model.onnx': 'a', 'config.json': '{}' });
  const cache = weightPaths(() => host);
  for (const key of [
    path.join(directory, 'config.json'),
    path.join(directory, 'onnx', 'gone.onnx'),
    'onnx/model.onnx',
    `https://other.example/${directory}/resolve/main/onnx/model.onnx`,
    'somebody/something/resolve/main/onnx/model.onnx',
  ]) {
    expect(await cache.match(key), key).toBeUndefined();
  }
  await cache.put();
  expect(await cache.match(path.join(directory, 'onnx', 'other.onnx'))).toBeUndefined();
});
