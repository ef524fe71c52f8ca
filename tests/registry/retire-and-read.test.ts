import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../src/registry/registry.ts';
import { refusal } from '../support/codes.ts';
import { tinyRegistry } from '../support/tiny-registry.ts';

const namesIn = (root: string, folder: string) => readdir(join(root, folder)).catch(() => []);

describe('retiring', () => {
  it('removes row, bytes and package, and says which digest left', async () => {
    const { registry, register, root, ports } = await tinyRegistry();
    const { model } = await register();
    await registry.retire('iris', 'v1', 'ann');
    expect((await refusal(() => registry.get('iris', 'v1'))).code).toBe('MODEL_NOT_FOUND');
    expect(await registry.bytes(model)).toBeUndefined();
    expect(await namesIn(root, 'packages')).toEqual([]);
    expect(ports.onChange).toHaveBeenLastCalledWith({ modelName: 'iris', retiredDigest: model.digest });
  });

  it('keeps the name taken for other bytes, and free for the same', async () => {
    const { registry, register } = await tinyRegistry();
    await register({}, 'first');
    await registry.retire('iris', 'v1', 'ann');
    const error = await refusal(() => register({}, 'second'));
    expect(error.code).toBe('VERSION_IMMUTABLE');
    expect(error.message).toContain('was deleted');
    expect((await register({}, 'first')).created).toBe(true);
  });

  it('keeps a package that another version still uses', async () => {
    const { registry, register, root, ports } = await tinyRegistry();
    const { model } = await register({}, 'shared');
    await register({ modelName: 'wine' }, 'shared');
    await registry.retire('iris', 'v1', 'ann');
    expect(await namesIn(root, 'packages')).toEqual([`${model.digest}-onnx`]);
    expect(ports.onChange).toHaveBeenLastCalledWith({ modelName: 'iris' });
  });

  it('is refused in production and for what is not there', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ stage: 'production' });
    expect((await refusal(() => registry.retire('iris', 'v1', 'ann'))).code).toBe('STATE_CONFLICT');
    expect((await refusal(() => registry.retire('iris', 'v2', 'ann'))).code).toBe('MODEL_NOT_FOUND');
  });

  it('by two at once happens once', async () => {
    const { registry, register } = await tinyRegistry();
    await register();
    const results = await Promise.allSettled([registry.retire('iris', 'v1', 'a'), registry.retire('iris', 'v1', 'b')]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('reading', () => {
  it('lists by stage, framework and task, in order of id', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ modelVersion: 'v2', metadata: { taskType: 'regression' } });
    await register({ stage: 'staging' });
    await register({ modelName: 'aster', framework: 'tfjs-graph' });
    const ids = async (filter: Parameters<typeof registry.list>[0]) =>
      (await registry.list(filter)).map(({ id }) => id);
    expect(await ids({})).toEqual(['aster:v1', 'iris:v1', 'iris:v2']);
    expect(await ids({ stage: 'staging' })).toEqual(['iris:v1']);
    expect(await ids({ framework: 'tensorflow' })).toEqual(['aster:v1']);
    expect(await ids({ taskType: 'regression' })).toEqual(['iris:v2']);
    expect(await ids({ stage: 'candidate', framework: 'onnx', taskType: 'none' })).toEqual([]);
  });

  it('says which versions there are', async () => {
    const { registry, register } = await tinyRegistry();
    await register();
    expect((await refusal(() => registry.get('iris', 'v9'))).message).toContain('it has v1');
    expect((await refusal(() => registry.versions('rose'))).message).toContain('No model is named "rose"');
  });

  it('amends metadata and status but never the bytes', async () => {
    const { registry, register } = await tinyRegistry();
    const { model } = await register({ metadata: { author: 'ann' } });
    const amended = await registry.amend('iris', 'v1', { metadata: { author: 'bob' }, status: 'deprecated' });
    expect(amended).toEqual({ ...model, metadata: { author: 'bob' }, status: 'deprecated' });
    expect(await registry.get('iris', 'v1')).toEqual(amended);
  });

  it('sees what another thread made of a version it knew', async () => {
    const { registry, register, ports } = await tinyRegistry();
    const otherThread = new Registry(ports);
    await register({}, 'same', 'ann');
    expect((await otherThread.get('iris', 'v1')).uploadedBy).toBe('ann');
    await registry.retire('iris', 'v1', 'ann');
    await register({}, 'same', 'bob');
    expect((await otherThread.get('iris', 'v1')).uploadedBy).toBe('bob');
  });

  it('fetches the package again when this node lost it', async () => {
    const { registry, register, packages, root } = await tinyRegistry();
    const { model } = await register({}, 'weights');
    await packages.remove(model.digest);
    expect(await registry.localPackage(model)).toMatchObject({ digest: model.digest, entry: 'model.onnx' });
    expect((await namesIn(root, 'packages')).length).toBe(1);
  });

  it('does not fetch for a version that was deleted meanwhile', async () => {
    const { registry, register, root } = await tinyRegistry();
    const { model } = await register({}, 'weights');
    await registry.retire('iris', 'v1', 'ann');
    expect((await refusal(() => registry.localPackage(model))).code).toBe('MODEL_NOT_FOUND');
    expect(await namesIn(root, 'packages')).toEqual([]);
  });
});

describe('what a thread remembers of a name', () => {
  it('is read anew after it was forgotten, and other names stay', async () => {
    const { registry, register } = await tinyRegistry();
    await register();
    await register({ modelName: 'iris2' });
    const [iris, other] = [await registry.get('iris', 'v1'), await registry.get('iris2', 'v1')];
    expect(await registry.get('iris', 'v1')).toBe(iris);
    registry.forget('iris');
    expect(await registry.get('iris', 'v1')).toEqual(iris);
    expect(await registry.get('iris', 'v1')).not.toBe(iris);
    expect(await registry.get('iris2', 'v1')).toBe(other);
  });
});

describe('bytes that one deletes and another registers at the same time', () => {
  it('stay for the one who registers', async () => {
    let [isLoading, goOn] = [() => {}, () => {}];
    const loading = new Promise<void>((resolve) => {
      isLoading = resolve;
    });
    const { registry, register, root, ports } = await tinyRegistry();
    await register({}, 'shared');
    ports.firstLoad.mockImplementationOnce(async ({ directory }) => {
      isLoading();
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      // What a runner would do now.
      expect(await namesIn(directory, '.')).toEqual(['model.onnx']);
      return { inputs: [], outputs: [] };
    });
    const registering = register({ modelName: 'wine' }, 'shared');
    await loading;
    const retiring = registry.retire('iris', 'v1', 'ann');
    await new Promise((resolve) => setTimeout(resolve, 30));
    goOn();
    const [{ model }] = await Promise.all([registering, retiring]);
    expect(await namesIn(root, 'packages')).toEqual([`${model.digest}-onnx`]);
  });
});
