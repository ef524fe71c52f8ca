import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { onnx as Onnx } from 'onnx-proto';
import onnxProto from 'onnx-proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Case, listCases } from '../../../scripts/conformance/cases.ts';
import { runOverHttp } from '../../../scripts/conformance/http.ts';
import { forEachConcurrently, type Outcome } from '../../../scripts/conformance/outcome.ts';
import { describe as inWords, summarise } from '../../../scripts/conformance/report.ts';
import { fromWire, toWire } from '../../../scripts/conformance/wire.ts';

const { onnx } = onnxProto;
const int64 = (value: bigint): Onnx.ITensorProto => ({
  dims: [1],
  dataType: 7,
  rawData: new Uint8Array(BigInt64Array.of(value).buffer),
});

let folder: string;
let cases: Case[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  writeCase('test_neg_int64', 'Neg', 7, int64(9007199254740993n), int64(-9007199254740993n));
  writeCase('test_wrong_expectation', 'Neg', 7, int64(1n), int64(2n));
  writeCase(
    'test_bernoulli',
    'Bernoulli',
    1,
    { dims: [1], dataType: 1, floatData: [0.5] },
    { dims: [1], dataType: 1, floatData: [1] },
  );
  writeCase('test_bfloat16', 'Neg', 16, int64(0n), int64(0n));
  cases = listCases(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

function writeCase(
  name: string,
  opType: string,
  elemType: number,
  input: Onnx.ITensorProto,
  output: Onnx.ITensorProto,
) {
  const info = (of: string): Onnx.IValueInfoProto => ({
    name: of,
    type: { tensorType: { elemType, shape: { dim: [{ dimValue: 1 }] } } },
  });
  const model = onnx.ModelProto.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: { name, node: [{ opType, input: ['x'], output: ['y'] }], input: [info('x')], output: [info('y')] },
  });
  const data = join(folder, name, 'test_data_set_0');
  mkdirSync(data, { recursive: true });
  writeFileSync(join(folder, name, 'model.onnx'), onnx.ModelProto.encode(model).finish());
  writeFileSync(join(data, 'input_0.pb'), onnx.TensorProto.encode(onnx.TensorProto.fromObject(input)).finish());
  writeFileSync(join(data, 'output_0.pb'), onnx.TensorProto.encode(onnx.TensorProto.fromObject(output)).finish());
}

const named = (name: string): Case => cases.find((one) => one.name === name) as Case;

describe('listCases', () => {
  it('says why a case cannot be asked', () => {
    expect(cases.map(({ name }) => name)).toEqual([
      'test_bernoulli',
      'test_bfloat16',
      'test_neg_int64',
      'test_wrong_expectation',
    ]);
    expect(named('test_neg_int64')).toMatchObject({ inputs: ['x'], outputs: ['y'], skipReason: undefined });
    expect(named('test_bernoulli').skipReason).toMatch(/random/);
    expect(named('test_bfloat16').skipReason).toBe('input x is bfloat16, which has no dtype on the wire');
  });
});

interface Asked {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly features: { readonly x: unknown };
  readonly options: { readonly raw?: boolean };
}

/** A server with the routes this script uses, over ONNX Runtime; `change` may spoil the reply of /predict. */
function fakeServer(change: (outputs: Record<string, unknown>) => unknown = (outputs) => outputs) {
  const models = new Map<string, ArrayBuffer>();
  const log: string[] = [];
  let busy = 1;
  const answer = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(url, init);
    const path = new URL(request.url).pathname;
    log.push(`${request.method} ${path}`);
    if (request.headers.get('authorization') !== `Basic ${btoa('me:secret')}`)
      return new Response('{}', { status: 401 });
    if (path === '/model/upload') {
      const form = await request.formData();
      expect(form.get('framework')).toBe('onnx');
      expect(form.get('stage')).toBe('development');
      models.set(
        `/model/${form.get('modelName')}/${form.get('modelVersion')}`,
        await (form.get('file') as File).arrayBuffer(),
      );
      return new Response('{}', { status: 201 });
    }
    if (request.method === 'DELETE') return new Response(null, { status: models.delete(path) ? 204 : 404 });
    if (busy-- > 0) return new Response('{}', { status: 429, headers: { 'retry-after': '0' } });
    const body = (await request.json()) as Asked;
    const session = await ort.InferenceSession.create(
      models.get(`/model/${body.modelName}/${body.modelVersion}`) as ArrayBuffer,
    );
    const x = fromWire(body.features.x);
    const { y } = await session.run({ x: new ort.Tensor('int64', BigInt64Array.from(x.data as bigint[]), x.shape) });
    const outputs = { y: toWire({ dtype: 'int64', shape: y?.dims ?? [], data: y?.data as BigInt64Array }) };
    return Response.json({ outputs: body.options.raw ? change(outputs) : undefined });
  };
  return {
    server: { url: 'http://server.test', user: 'me', password: 'secret', fetch: answer as typeof fetch },
    log,
    models,
  };
}

describe('runOverHttp', () => {
  it('uploads, asks, compares and removes, and waits for a busy server', async () => {
    const { server, log, models } = fakeServer();
    expect(await runOverHttp(server, named('test_neg_int64'), 'run-1')).toEqual({ passed: true });
    expect(log).toEqual(['POST /model/upload', 'POST /predict', 'POST /predict', 'DELETE /model/test_neg_int64/run-1']);
    expect(models.size).toBe(0);
  });

  it('reports a wrong value, a wrong notation, no outputs and a refusal, and still removes the model', async () => {
    const wrong = fakeServer();
    expect(await runOverHttp(wrong.server, named('test_wrong_expectation'), 'v')).toEqual({
      passed: false,
      problem: 'output y: value 0: expected 2, got -1',
    });
    expect(wrong.models.size).toBe(0);
    const rounded = fakeServer(() => ({ y: { dtype: 'int64', shape: [1], data: [-9007199254740992] } }));
    expect(await runOverHttp(rounded.server, named('test_neg_int64'), 'v')).toMatchObject({
      problem: expect.stringMatching(/^output y: value 0/),
    });
    const silent = fakeServer(() => undefined);
    expect(await runOverHttp(silent.server, named('test_neg_int64'), 'v')).toMatchObject({
      problem: expect.stringMatching(/no outputs/),
    });
    const stranger = { ...fakeServer().server, password: 'wrong' };
    expect(await runOverHttp(stranger, named('test_neg_int64'), 'v')).toMatchObject({
      problem: expect.stringMatching(/401/),
    });
  });
});

describe('summarise', () => {
  it('calls a case that passes directly and fails over HTTP a regression, and only that', () => {
    const passed: Outcome = { passed: true };
    const failed: Outcome = { passed: false, problem: 'no' };
    const direct = new Map<string, Outcome>([
      ['test_neg_int64', passed],
      ['test_wrong_expectation', failed],
      ['test_bernoulli', failed],
      ['test_bfloat16', failed],
    ]);
    const http = new Map([
      ['test_neg_int64', failed],
      ['test_wrong_expectation', failed],
    ]);
    const report = summarise(cases, direct, http);
    expect(report).toMatchObject({
      cases: 4,
      tensorCases: 2,
      direct: { passed: 1, tensorPassed: 1 },
      http: { passed: 0 },
    });
    expect(report.regressions).toEqual([{ name: 'test_neg_int64', problem: 'no' }]);
    expect(report.directFailures).toEqual([{ name: 'test_wrong_expectation', problem: 'no' }]);
    expect(inWords(report)).toContain('ONNX Runtime itself passes 1 of 4; over HTTP 0 of 4.');
    expect(inWords(report)).toContain('test_bfloat16 — input x is bfloat16');
    expect(summarise(cases, direct, new Map([['test_neg_int64', passed]])).regressions).toEqual([]);
  });
});

describe('forEachConcurrently', () => {
  it('takes every item once and never more at a time than allowed', async () => {
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    await forEachConcurrently(
      Array.from({ length: 20 }, (_, index) => index),
      3,
      async (item) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, item % 3));
        seen.push(item);
        running--;
      },
    );
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(most).toBe(3);
  });
});
