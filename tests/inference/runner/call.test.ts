import { describe, expect, it } from 'vitest';
import type { EngineInput, EngineResult, ModelInfo } from '../../../src/inference/engine.ts';
import { Call } from '../../../src/inference/runner/call.ts';
import type { RunnerConnection } from '../../../src/inference/runner/connection.ts';
import type { RunnerReply } from '../../../src/inference/runner/messages.ts';
import type { Verdict } from '../../../src/inference/runner/notices.ts';
import { behavingModel, row } from '../../support/runner-fixture.ts';

const model = behavingModel('double');

function callOf(input: EngineInput | undefined) {
  const settled: unknown[] = [];
  const call = new Call({
    id: 7,
    model,
    input,
    deadline: 100,
    createdAt: 40,
    resolve: (value: EngineResult | ModelInfo) => void settled.push(value),
    reject: (error) => void settled.push(error),
  });
  return { call, settled };
}

/** What a call sends to a runner that knows its model as 3. */
function sentBy(input: EngineInput | undefined) {
  const sent: unknown[][] = [];
  const connection = { handleOf: () => 3, send: (...frame: unknown[]) => void sent.push(frame) };
  callOf(input).call.sendTo(connection as unknown as RunnerConnection);
  return sent;
}

describe('a call on its way to a runner', () => {
  const head = { op: 'predict', id: 7, model: 3, deadline: 100, sentAt: 40 };

  it('is a load without an input', () => expect(sentBy(undefined)).toEqual([[{ op: 'load', id: 7, model: 3 }]]));

  it('carries texts, and whether to scale their vectors where that was said', () => {
    expect(sentBy({ kind: 'texts', texts: ['a'] })).toEqual([[{ ...head, texts: ['a'] }]]);
    expect(sentBy({ kind: 'texts', texts: ['a'], normalize: false })).toEqual([
      [{ ...head, texts: ['a'], normalize: false }],
    ]);
  });

  it('carries features as they came', () => {
    const question: EngineInput = { kind: 'features', features: { a: [1] }, generation: { seed: 1 } };
    expect(sentBy(question)).toEqual([[{ ...head, question }]]);
  });

  it('carries tensors beside its header', () => {
    const tensors = [{ name: 'x', dtype: 'float32', shape: [1, 2] }];
    expect(sentBy(row(1, 2))).toEqual([[{ ...head, tensors }, [new Uint8Array(Float32Array.of(1, 2).buffer)]]]);
  });
});

describe('a call that is answered', () => {
  it('gives what the runner said, with its tensors', () => {
    const { call, settled } = callOf(row(1));
    const timing = { queueMs: 1, tokenizeMs: 2, runMs: 3, postMs: 4 };
    const outputs = [{ name: 'y', dtype: 'float32' as const, shape: [2] }];
    const reply: Extract<RunnerReply, { type: 'result' }> = { id: 7, type: 'result', outputs, timing, promptTokens: 5 };
    call.settle(reply, Buffer.from(Float32Array.of(3, 4).buffer));
    expect(settled).toEqual([
      { outputs: { y: { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) } }, timing, promptTokens: 5 },
    ]);
  });

  it('gives what a model says of itself after a load', () => {
    const { call, settled } = callOf(undefined);
    const info = { inputs: [], outputs: [], memoryBytes: 1, loadMs: 2 };
    call.settle({ id: 7, type: 'info', info }, Buffer.alloc(0));
    expect(settled).toEqual([info]);
  });
});

describe('a call whose runner died', () => {
  const own = (reason: 'crash' | 'memory' | 'timeout'): Verdict => ({ generation: 'g', culprit: model.digest, reason });
  const foreign: Verdict = { generation: 'g', culprit: 'f'.repeat(64), reason: 'memory' };
  const nobody: Verdict = { generation: 'g' };

  it.each<[string, boolean, Verdict[], string, string]>([
    ['its model crashed twice', true, [own('crash'), own('crash')], 'BACKEND_CRASHED', 'and so did the next one'],
    ['its model took all memory twice', true, [own('memory'), own('memory')], 'MODEL_RESOURCE', 'Running the model'],
    ['its model hung twice', true, [own('timeout'), own('timeout')], 'INFERENCE_TIMEOUT', 'deadline'],
    ['others crashed three times', true, [foreign, nobody, foreign], 'BACKEND_CRASHED', 'and so did the next one'],
    ['it was a bystander, then to blame', true, [foreign, own('memory')], 'MODEL_RESOURCE', 'Running the model'],
    ['a load crashed twice', false, [own('crash'), own('crash')], 'MODEL_LOAD_FAILED', 'ended the process'],
    ['a load took all memory twice', false, [own('memory'), own('memory')], 'MODEL_RESOURCE', 'Loading the model'],
    ['a load hung twice', false, [own('timeout'), own('timeout')], 'MODEL_LOAD_FAILED', 'did not end in time'],
    [
      'a load met others that hung',
      false,
      [foreign, foreign, { ...foreign, reason: 'timeout' }],
      'MODEL_LOAD_FAILED',
      'ended the process',
    ],
  ])('is tried again until %s', (_name, predicts, deaths, code, words) => {
    const { call } = callOf(predicts ? row(1) : undefined);
    const answers = deaths.map((verdict) => call.afterDeath(verdict));
    expect(answers.slice(0, -1)).toEqual(deaths.slice(1).map(() => undefined));
    expect(answers.at(-1)).toMatchObject({ code, message: expect.stringContaining(words) });
  });
});

it('a call past its deadline says what was late', () => {
  expect(callOf(row(1)).call.expired()).toMatchObject({ code: 'INFERENCE_TIMEOUT', retryAfterSeconds: 1 });
  expect(callOf(undefined).call.expired()).toMatchObject({
    code: 'MODEL_LOAD_FAILED',
    message: expect.stringContaining('did not end in time'),
  });
});
