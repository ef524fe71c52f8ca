import { describe, expect, it } from 'vitest';
import { VersionRouter } from '../../src/deployment/version-router.ts';
import type { Model } from '../../src/registry/model.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { refusal } from '../support/codes.ts';
import { tinyRegistry } from '../support/tiny-registry.ts';

const free = { requireProduction: false, now: Date.now };

describe('which version answers', () => {
  it('the one named, whatever its stage', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ stage: 'archived' });
    await register({ modelVersion: 'v2', stage: 'production' });
    expect((await new VersionRouter(registry, free).resolve('iris', 'v1')).modelVersion).toBe('v1');
  });

  it('else the production version, though others are newer', async () => {
    const { registry, register } = await tinyRegistry();
    await register({ stage: 'production' });
    await register({ modelVersion: 'v2' });
    expect((await new VersionRouter(registry, free).resolve('iris')).modelVersion).toBe('v1');
  });

  it('else the newest, or none when production is required', async () => {
    const { registry, register } = await tinyRegistry();
    await register();
    await register({ modelVersion: 'v2' });
    expect((await new VersionRouter(registry, free).resolve('iris')).modelVersion).toBe('v2');
    const strict = new VersionRouter(registry, { requireProduction: true, now: Date.now });
    expect((await refusal(() => strict.resolve('iris'))).code).toBe('NO_PRODUCTION');
    await register({ modelVersion: 'v3', stage: 'production' });
    expect((await strict.resolve('iris')).modelVersion).toBe('v3');
  });

  it('none of an unknown name or version, and it is not remembered', async () => {
    const { registry, register } = await tinyRegistry();
    const router = new VersionRouter(registry, free);
    expect((await refusal(() => router.resolve('iris'))).code).toBe('MODEL_NOT_FOUND');
    expect((await refusal(() => router.resolve('iris', 'v1'))).code).toBe('MODEL_NOT_FOUND');
    await register();
    expect((await router.resolve('iris')).modelVersion).toBe('v1');
  });

  it('another one only after it was told to forget', async () => {
    const { registry, register } = await tinyRegistry();
    const router = new VersionRouter(registry, free);
    await register();
    expect((await router.resolve('iris')).modelVersion).toBe('v1');
    await register({ modelVersion: 'v2', stage: 'production' });
    expect((await router.resolve('iris')).modelVersion).toBe('v1');
    router.forget('iris');
    expect((await router.resolve('iris')).modelVersion).toBe('v2');
  });

  it('shows changed metadata as soon as it is told', async () => {
    const { registry, register } = await tinyRegistry();
    const router = new VersionRouter(registry, free);
    await register();
    await router.resolve('iris');
    await registry.amend('iris', 'v1', { metadata: { taskType: 'regression' } });
    router.forget('iris');
    expect((await router.resolve('iris')).metadata.taskType).toBe('regression');
  });

  it('does not remember what was read before a change but arrived after it', async () => {
    const version = (modelVersion: string) => ({ modelName: 'iris', modelVersion, stage: 'production' }) as Model;
    let now = version('v1');
    let arrive = () => {};
    const slow = {
      get: async (_name: string, modelVersion: string) => version(modelVersion),
      async versions() {
        const read = now;
        await new Promise<void>((resolve) => {
          arrive = resolve;
        });
        return [read];
      },
    } as unknown as Registry;
    const router = new VersionRouter(slow, free);
    const asked = router.resolve('iris');
    now = version('v2');
    router.forget('iris');
    arrive();
    await asked;
    const again = router.resolve('iris');
    arrive();
    expect((await again).modelVersion).toBe('v2');
  });

  it('sees within a second what nobody told it', async () => {
    const { registry, register } = await tinyRegistry();
    let now = 0;
    const router = new VersionRouter(registry, { requireProduction: false, now: () => now });
    await register({ modelVersion: 'v1' }, 'one');
    expect((await router.resolve('iris')).modelVersion).toBe('v1');
    await register({ modelVersion: 'v2' }, 'two');
    now = 999;
    expect((await router.resolve('iris')).modelVersion).toBe('v1');
    now = 1000;
    expect((await router.resolve('iris')).modelVersion).toBe('v2');
  });
});
