import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, type DataSet, readDataSets } from './cases.ts';
import { firstDifference } from './compare.ts';
import type { Outcome } from './outcome.ts';
import { type Values, valuesOf } from './values.ts';
import { fromWire, toWire } from './wire.ts';

/** A running server and who asks it. */
export interface Server {
  /** For example `http://127.0.0.1:9926`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly fetch: typeof fetch;
}

const requestTimeoutMs = 60_000;
const attempts = 5;

/**
 * Registers a case's model, asks every data set through `/predict`, compares the raw outputs, and removes the
 * model again.
 *
 * @param version  must be new on this server, since a version's name stays taken after it was removed.
 */
export async function runOverHttp(server: Server, testCase: Case, version: string): Promise<Outcome> {
  const modelName = testCase.name;
  try {
    await upload(server, testCase, version);
    try {
      for (const dataSet of readDataSets(testCase)) {
        const problem = await askOne(server, modelName, version, dataSet);
        if (problem !== undefined) return { passed: false, problem };
      }
      return { passed: true };
    } finally {
      await send(server, 'DELETE', `/model/${modelName}/${version}`);
    }
  } catch (error) {
    return { passed: false, problem: messageOf(error) };
  }
}

/** `fetch` says only "fetch failed"; why stands in its cause. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

async function upload(server: Server, testCase: Case, modelVersion: string): Promise<void> {
  const form = new FormData();
  const fields = { modelName: testCase.name, modelVersion, framework: 'onnx', stage: 'development' };
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  form.set('file', new Blob([readFileSync(join(testCase.folder, 'model.onnx'))]), 'model.onnx');
  await send(server, 'POST', '/model/upload', form);
}

async function askOne(
  server: Server,
  modelName: string,
  modelVersion: string,
  dataSet: DataSet,
): Promise<string | undefined> {
  const features = Object.fromEntries(Object.entries(dataSet.inputs).map(([name, tensor]) => [name, toWire(tensor)]));
  const body = JSON.stringify({ modelName, modelVersion, features, options: { raw: true } });
  const reply = (await (await send(server, 'POST', '/predict', body)).json()) as { outputs?: Record<string, unknown> };
  if (reply.outputs === undefined) return 'the reply of /predict has no outputs, though options.raw was set';
  return firstDifference(readOutputs(reply.outputs), mapOutputs(dataSet));
}

const mapOutputs = ({ outputs }: DataSet): Record<string, Values> =>
  Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, valuesOf(tensor)]));

function readOutputs(outputs: Readonly<Record<string, unknown>>): Record<string, Values> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, json]) => {
      try {
        return [name, fromWire(json)];
      } catch (error) {
        throw new Error(`output ${name}: ${(error as Error).message}`);
      }
    }),
  );
}

/** Sends one request; a busy server (429, 503) is asked again after the time it names. */
async function send(server: Server, method: string, path: string, body?: FormData | string): Promise<Response> {
  const credentials = Buffer.from(`${server.user}:${server.password}`).toString('base64');
  const headers: Record<string, string> = { authorization: `Basic ${credentials}` };
  if (typeof body === 'string') headers['content-type'] = 'application/json';
  for (let attempt = 1; ; attempt++) {
    const response = await server.fetch(new URL(path, server.url), {
      method,
      headers,
      signal: AbortSignal.timeout(requestTimeoutMs),
      ...(body === undefined ? {} : { body }),
    });
    if (response.ok) return response;
    const text = await response.text();
    const busy = response.status === 429 || response.status === 503;
    if (!busy || attempt === attempts) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 400)}`);
    await sleep(1000 * Number(response.headers.get('retry-after') ?? 1));
  }
}
