import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { refusal } from '../support/codes.ts';
import { tinyRegistry } from '../support/tiny-registry.ts';

const namesIn = (root: string, folder: string) => readdir(join(root, folder)).catch(() => []);

describe('registering', () => {
  it('stores the row and the bytes, and keeps no received file', async () => {
    const { registry, register, root, ports } = await tinyRegistry();
    const { model, created } = await register(
      { inputs: [{ name: 'x', shape: [1, 4] }], metadata: { author: 'ann' } },
      'weights',
    );
    expect(created).toBe(true);
    expect(model).toMatchObject({
      id: 'iris:v1',
      stage: 'candidate',
      status: 'active',
      blobSize: 7,
      deploymentVersion: 1,
      uploadedBy: 'ann',
      metadata: { author: 'ann' },
    });
    expect(model.inputSchema.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [-1, 4] }]);
    expect(await text((await registry.bytes(model))?.stream() as Readable)).toBe('weights');
    expect(await registry.get('iris', 'v1')).toEqual(model);
    expect(await namesIn(root, 'incoming')).toEqual([]);
    expect(ports.onChange).toHaveBeenCalledExactlyOnceWith({ modelName: 'iris' });
  });

  it('again with the same bytes changes nothing', async () => {
    const { registry, register, ports } = await tinyRegistry();
    const first = await register({}, 'same');
    const again = await register({ metadata: { author: 'bob' }, stage: 'production' }, 'same', 'bob');
    expect(again).toEqual({ model: first.model, created: false });
    expect((await registry.get('iris', 'v1')).uploadedBy).toBe('ann');
    expect(ports.onChange).toHaveBeenCalledTimes(1);
    expect(ports.firstLoad).toHaveBeenCalledTimes(1);
  });

  it('with other bytes is refused, and the version stays', async () => {
    const { registry, register, root } = await tinyRegistry();
    const { model } = await register({}, 'one');
    expect((await refusal(() => register({}, 'two'))).code).toBe('VERSION_IMMUTABLE');
    expect((await registry.get('iris', 'v1')).digest).toBe(model.digest);
    expect(await namesIn(root, 'incoming')).toEqual([]);
    expect((await namesIn(root, 'packages')).length).toBe(1);
  });

  it.each([
    ['ID_INVALID', { modelName: 'a/b' }],
    ['ID_INVALID', { modelVersion: '@champion' }],
    ['INVALID_INPUT', { framework: 'pytorch' }],
    ['DIGEST_MISMATCH', { expectedSha256: '0'.repeat(64) }],
  ])('is refused with %s for %j, and nothing stays', async (code, wanted) => {
    const { registry, register, root } = await tinyRegistry();
    expect((await refusal(() => register(wanted))).code).toBe(code);
    expect(await registry.list()).toEqual([]);
    expect(await namesIn(root, 'incoming')).toEqual([]);
    expect(await namesIn(root, 'packages')).toEqual([]);
  });

  it('takes the digest the caller says in either case', async () => {
    const { register } = await tinyRegistry();
    const sha256 = 'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855';
    expect((await register({ expectedSha256: sha256 }, '')).created).toBe(true);
  });

  it('a package that does not load leaves nothing, unless another version has its bytes', async () => {
    let broken = false;
    const { registry, register, root } = await tinyRegistry(async () => {
      if (broken) throw new AppError('MODEL_LOAD_FAILED', 'no');
      return { inputs: [], outputs: [] };
    });
    const { model } = await register({}, 'good once');
    broken = true;
    for (const bytes of ['bad', 'good once']) {
      expect((await refusal(() => register({ modelVersion: 'v2' }, bytes))).code).toBe('MODEL_LOAD_FAILED');
    }
    expect((await registry.versions('iris')).map(({ id }) => id)).toEqual(['iris:v1']);
    expect(await namesIn(root, 'packages')).toEqual([`${model.digest}-onnx`]);
  });

  it('of one version by ten callers at once makes one', async () => {
    const { registry, register, root } = await tinyRegistry();
    const results = await Promise.all(Array.from({ length: 10 }, () => register({}, 'the same')));
    expect(results.filter(({ created }) => created).length).toBe(1);
    expect((await registry.versions('iris')).length).toBe(1);
    expect(await namesIn(root, 'incoming')).toEqual([]);
  });

  it('of one version with ten kinds of bytes at once takes one, and the others leave nothing', async () => {
    const { registry, register, root } = await tinyRegistry();
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => register()));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(refused).toEqual(Array(9).fill('VERSION_IMMUTABLE'));
    const { digest } = await registry.get('iris', 'v1');
    expect(await namesIn(root, 'packages')).toEqual([`${digest}-onnx`]);
  });

  it('counts deployments up per name, also when ten versions come at once', async () => {
    const { registry, register } = await tinyRegistry();
    await Promise.all(Array.from({ length: 10 }, (_, index) => register({ modelVersion: `v${index}` })));
    await register({ modelName: 'wine' });
    expect((await registry.versions('iris')).map(({ deploymentVersion }) => deploymentVersion)).toEqual([
      10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    expect((await registry.versions('wine')).map(({ deploymentVersion }) => deploymentVersion)).toEqual([1]);
  });

  it('gives a number once, even when its version was deleted', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ modelVersion: 'v1' }, 'one');
    await register({ modelVersion: 'v2' }, 'two');
    await registry.retire('iris', 'v2', 'ann');
    expect((await register({ modelVersion: 'v3' }, 'three')).model.deploymentVersion).toBe(3);
  });

  it('straight into production archives the version there', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ stage: 'production' });
    await register({ modelName: 'wine', stage: 'production' });
    const { model } = await register({ modelVersion: 'v2', stage: 'production' });
    expect(model).toMatchObject({ stage: 'production', promotedBy: 'ann', promotedAt: model.uploadedAt });
    const stages = (await registry.list()).map(({ id, stage }) => [id, stage]);
    expect(stages).toEqual([
      ['iris:v1', 'archived'],
      ['iris:v2', 'production'],
      ['wine:v1', 'production'],
    ]);
  });
});
