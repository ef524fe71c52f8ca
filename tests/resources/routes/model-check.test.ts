import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import { zip } from '../../registry/package/zip.ts';
import { ask } from '../../support/ask-front.ts';
import { tinyApp } from '../../support/tiny-app.ts';

type Tiny = Awaited<ReturnType<typeof tinyApp>>;
const check = ({ app }: Tiny, level: unknown, role: 'trainer' | 'predictor' = 'trainer') =>
  ask(app, 'POST', '/model/iris/v1/check', { role, body: { level } });
const good = (level: string) => ({ level, passed: true, problems: [] });

const packageFolder = ({ app }: Tiny) => {
  const packages = join(app.config.AI_OPS_ROOT, 'models', 'packages');
  return join(packages, readdirSync(packages)[0] as string);
};
const leftovers = ({ app }: Tiny) =>
  ['incoming', 'making'].flatMap((folder) => readdirSync(join(app.config.AI_OPS_ROOT, 'models', folder)));

const textPackage = zip([
  { name: 'model.onnx', data: Buffer.from('weights') },
  { name: 'tokenizer.json', data: Buffer.from('{}') },
]);

describe('a check', () => {
  it.each(['basic', 'integrity', 'functional'])('of level %s passes for a good model', async (level) => {
    const tiny = await tinyApp();
    await tiny.register({ stage: 'production' });
    const { status, body } = await check(tiny, level);
    expect([status, body]).toEqual([200, good(level)]);
    expect(leftovers(tiny)).toEqual([]);
    expect(tiny.engine.predict).toHaveBeenCalledTimes(level === 'functional' ? 1 : 0);
    expect(tiny.engine.unload).toHaveBeenCalledTimes(level === 'basic' ? 0 : 1);
    expect((await tiny.app.registry.get('iris', 'v1')).status).toBe('active');
  });

  it('is for trainers, of versions there are, at levels there are', async () => {
    const tiny = await tinyApp();
    expect((await check(tiny, 'basic')).body.code).toBe('MODEL_NOT_FOUND');
    await tiny.register();
    expect((await check(tiny, 'basic', 'predictor')).status).toBe(403);
    expect((await check(tiny, 'deep')).body.code).toBe('INVALID_INPUT');
    expect((await check(tiny, undefined)).body.code).toBe('INVALID_INPUT');
  });

  it('finds labels and outputs that do not fit, and bytes that are gone', async () => {
    const tiny = await tinyApp();
    await tiny.register({ metadata: { taskType: 'classification', labels: ['a', 'b', 'c'] } });
    const labels = await check(tiny, 'functional');
    expect(labels.body).toMatchObject({ passed: false, problems: [{ path: 'metadata.labels' }] });
    expect(tiny.engine.unload).not.toHaveBeenCalled();
    await tiny.app.registry.amend('iris', 'v1', {
      metadata: { taskType: 'classification', labels: ['a', 'b'], outputName: 'z' },
    });
    expect((await check(tiny, 'basic')).body.problems).toEqual([
      { path: 'metadata.outputName', message: 'expected one of y, got z' },
    ]);
    await tiny.app.registry.amend('iris', 'v1', { metadata: {} });
    await tiny.app.store.models.patch('iris:v1', { blobSize: 8 });
    expect((await check(tiny, 'basic')).body.problems).toEqual([
      { path: 'bytes', message: expect.stringContaining('8') },
    ]);
  });

  it.each([
    ['one file', 'weights', 'model.onnx'],
    ['a zip', textPackage, 'tokenizer.json'],
  ])('of a package of %s repairs a byte that was flipped on the disk', async (_what, bytes, file) => {
    const tiny = await tinyApp();
    await tiny.register({}, bytes);
    const folder = packageFolder(tiny);
    const path = join(folder, 'files', file);
    const before = readFileSync(path);
    const flipped = Buffer.from(before);
    flipped[0] = (flipped[0] as number) ^ 1;
    writeFileSync(path, flipped);
    expect((await check(tiny, 'integrity')).body).toEqual(good('integrity'));
    expect(readFileSync(path)).toEqual(before);
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, 'stored')))
      .digest('hex');
    expect(folder).toContain(digest);
    expect(leftovers(tiny)).toEqual([]);
  });

  it('repairs a file that is missing or was added', async () => {
    const tiny = await tinyApp();
    await tiny.register({}, textPackage);
    const folder = join(packageFolder(tiny), 'files');
    rmSync(join(folder, 'tokenizer.json'));
    writeFileSync(join(folder, 'more.json'), '{}');
    expect((await check(tiny, 'integrity')).body.passed).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['model.onnx', 'tokenizer.json']);
  });

  it('fetches a package that this node has not', async () => {
    const tiny = await tinyApp();
    const { digest } = await tiny.register();
    await tiny.app.packages.remove(digest);
    expect((await check(tiny, 'integrity')).body.passed).toBe(true);
    expect(packageFolder(tiny)).toContain(digest);
  });

  it('finds stored bytes that are not what they were', async () => {
    const tiny = await tinyApp();
    const { digest } = await tiny.register();
    const row = await tiny.app.store.models.get('iris:v1');
    const other = await tiny.app.packages.receive(Readable.from([Buffer.from('Weights')]));
    await tiny.app.store.models.putWithBytes(row as NonNullable<typeof row>, other);
    expect((await check(tiny, 'integrity')).body).toMatchObject({
      passed: false,
      problems: [{ path: 'bytes', message: expect.stringContaining('do not match') }],
    });
    expect(packageFolder(tiny)).toContain(digest);
  });

  it('tells what the gate and the load find', async () => {
    const tiny = await tinyApp();
    await tiny.register();
    const violations = [{ path: 'graph.node[2]', message: 'is odd' }];
    tiny.engine.load.mockRejectedValueOnce(new AppError('MODEL_SHAPE', 'odd', { violations }));
    expect((await check(tiny, 'integrity')).body.problems).toEqual([
      { path: 'graph.node[2]', message: 'MODEL_SHAPE: is odd' },
    ]);
    tiny.engine.load.mockRejectedValueOnce(new AppError('QUEUE_FULL', 'later'));
    expect((await check(tiny, 'integrity')).status).toBe(429);
  });

  it('finds answers that are not finite, and inputs that cannot be made up', async () => {
    const tiny = await tinyApp();
    await tiny.register();
    const timing = { queueMs: 0, tokenizeMs: 0, runMs: 0, postMs: 0 };
    const data = Float32Array.of(1, Number.NaN);
    tiny.engine.predict.mockResolvedValueOnce({ outputs: { y: { dtype: 'float32', shape: [1, 2], data } }, timing });
    expect((await check(tiny, 'functional')).body).toMatchObject({
      passed: false,
      problems: [{ path: 'prediction', message: expect.stringContaining('finite') }],
    });
    tiny.engine.predict.mockRejectedValueOnce(new AppError('BACKEND_FAILED', 'no'));
    expect((await check(tiny, 'functional')).body.problems).toEqual([
      { path: 'prediction', message: 'BACKEND_FAILED: no' },
    ]);
    const inputs = [{ name: 'x', dtype: 'float32', shape: [-1, 2_000_000] }];
    await tiny.app.store.models.patch('iris:v1', { inputSchema: JSON.stringify({ inputs }) });
    expect((await check(tiny, 'functional')).body.problems).toMatchObject([{ path: 'metadata.example' }]);
  });
});
