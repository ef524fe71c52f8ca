import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { anonymousMemoryOf } from '../../src/inference/runner/resident-memory.ts';
import { type Answer, bootServer, type Client, type TestServer, uploadForm } from '../support/boot-server.ts';
import {
  asksForMemory,
  crashes,
  crashesOnLoad,
  neverReturns,
  overflow,
  wellBehaved,
} from '../support/misbehaving-models.ts';

const timeoutMs = 3000;
const mebibyte = 2 ** 20;
const digits = { modelName: 'digits', features: { pixels: [new Array(64).fill(8)] } };

let server: TestServer;
let admin: Client;
/** An attempt takes models of its own: those of the one before are in quarantine. */
let serial = 0;

beforeAll(async () => {
  server = await bootServer({
    environment: { INFERENCE_TIMEOUT_MS: String(timeoutMs), MODEL_MEMORY_BUDGET: String(512 * mebibyte) },
  });
  admin = server.as('admin');
  const bundle = await readFile(join(import.meta.dirname, '..', '..', 'models', 'bundles', 'digits-onnx.onnx'));
  await upload('digits', 'production', bundle);
  await upload('good-production', 'production', wellBehaved('production'));
  await upload('good-candidate', 'candidate', wellBehaved('candidate'));
  for (const neighbour of neighbours) expect(await ask(neighbour)).toMatchObject({ status: 200 });
});
afterAll(() => server?.stop());

interface Question {
  readonly modelName: string;
  readonly features: unknown;
}

const neighbours: readonly Question[] = [
  digits,
  { modelName: 'good-production', features: { x: [[1, 2]] } },
  { modelName: 'good-candidate', features: { x: [[1, 2]] } },
];

const ask = (question: Question): Promise<Answer> => admin.post('/predict', question);

async function upload(modelName: string, stage: string, bytes: Uint8Array): Promise<void> {
  const fields = { modelName, modelVersion: 'v1', framework: 'onnx', stage };
  const { status, body } = await admin.post('/model/upload', uploadForm(fields, bytes));
  expect({ modelName, status, code: body.code }).toEqual({ modelName, status: 201, code: undefined });
}

/** Asks every neighbour every 100 ms, whether earlier answers have come or not, until told to stop. */
function askNeighbours(): () => Promise<readonly { modelName: string; status: number; ms: number }[]> {
  const asked: Promise<{ modelName: string; status: number; code: unknown; ms: number }>[] = [];
  const timer = setInterval(() => {
    for (const question of neighbours) {
      const begin = performance.now();
      const answered = ask(question).then(({ status, body }) => ({
        modelName: question.modelName,
        status,
        code: body.code,
        ms: performance.now() - begin,
      }));
      asked.push(answered);
    }
  }, 100);
  return async () => {
    clearInterval(timer);
    return Promise.all(asked);
  };
}

/**
 * Runs `work` while the neighbours are asked, and goes on asking for a second after; each of their answers must be
 * 200 within 1 s. `peak` is the most memory the server held, in bytes.
 */
async function besideNeighbours<T>(work: () => Promise<T>): Promise<{ answered: T; peak: number }> {
  const pid = await harperPid();
  let peak = 0;
  const sampler = setInterval(() => {
    peak = Math.max(peak, anonymousMemoryOf(pid));
  }, 20);
  const stop = askNeighbours();
  try {
    const answered = await work();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return { answered, peak };
  } finally {
    clearInterval(sampler);
    const answers = await stop();
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.filter(({ status, ms }) => status !== 200 || ms > 1000)).toEqual([]);
  }
}

async function timed(
  question: Question,
): Promise<{ status: number; code: string; ms: number; retryAfter: string | null; inferenceId: string }> {
  const begin = performance.now();
  const { status, headers, body } = await ask(question);
  return {
    status,
    code: body.code,
    ms: performance.now() - begin,
    retryAfter: headers.get('retry-after'),
    inferenceId: body.inferenceId,
  };
}

/** The first `question` after which the model is refused, at most `limit` questions. */
async function askUntilQuarantined(question: Question, limit: number): Promise<Awaited<ReturnType<typeof timed>>[]> {
  const answers: Awaited<ReturnType<typeof timed>>[] = [];
  while (answers.length < limit && answers.at(-1)?.code !== 'MODEL_QUARANTINED') answers.push(await timed(question));
  return answers;
}

const harperPid = async (): Promise<number> =>
  Number((await readFile(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'utf8')).trim().split(' ')[0]);

const eventsOf = async (modelName: string): Promise<{ id: string; errorCode: string | null }[]> =>
  (await admin.get(`/monitoring/events?modelName=${modelName}`)).body.events;

const stateOf = async (name: string): Promise<unknown> => {
  const { status, body } = await admin.get('/status');
  expect(status).toBe(200);
  return body.models.find(({ modelName }: { modelName: string }) => modelName === name);
};

const statusOf: Readonly<Record<string, number>> = {
  INFERENCE_TIMEOUT: 503,
  MODEL_RESOURCE: 422,
  BACKEND_CRASHED: 500,
  MODEL_QUARANTINED: 503,
};

/** `codes`: what a caller may be answered, question by question. */
const offenders = [
  {
    id: 'P4',
    name: 'never-returns',
    bytes: neverReturns,
    features: { x: [1, 2] },
    codes: [['INFERENCE_TIMEOUT', 'INFERENCE_TIMEOUT', 'MODEL_QUARANTINED']],
    reason: 'timeout',
  },
  {
    // Refused by the kernel at once: the process lives on.
    id: 'P3',
    name: 'asks-for-40-gb',
    bytes: asksForMemory,
    features: { size: [100_000, 100_000] },
    codes: [['MODEL_RESOURCE', 'MODEL_RESOURCE', 'MODEL_QUARANTINED']],
    reason: 'memory',
  },
  {
    // Granted by the kernel and noticed by the watchdog: the process dies, and so does the one of the second try.
    // A runner that holds much already is refused instead.
    id: 'P3',
    name: 'asks-for-560-mb',
    bytes: asksForMemory,
    features: { size: [560, 250_000] },
    codes: [
      ['MODEL_RESOURCE', 'MODEL_QUARANTINED'],
      ['MODEL_RESOURCE', 'MODEL_RESOURCE', 'MODEL_QUARANTINED'],
    ],
    reason: 'memory',
  },
  {
    // Tried twice for the one who asked first, so one question is two offences.
    id: 'P5',
    name: 'crashes',
    bytes: crashes,
    features: overflow,
    codes: [['BACKEND_CRASHED', 'MODEL_QUARANTINED']],
    reason: 'crash',
  },
] as const;

// A machine that is busy with other work may miss a bound in time; it must hold in one of three attempts.
const attempts = { retry: 2, timeout: 60_000 };

describe.each(['candidate', 'production'] as const)('a bad model in stage %s', (stage) => {
  test.each(offenders)('$id $name: contained, answered, quarantined and on record', attempts, async (offender) => {
    const modelName = `${offender.name}-${stage}-${serial++}`;
    const question = { modelName, features: offender.features };
    await upload(modelName, stage, offender.bytes(modelName));
    const pid = await harperPid();
    const before = anonymousMemoryOf(pid);

    const { answered, peak } = await besideNeighbours(() => askUntilQuarantined(question, 5));

    const codes = answered.map(({ code }) => code);
    expect(offender.codes).toContainEqual(codes);
    for (const { status, code, ms, retryAfter } of answered) {
      expect({ code, status }).toEqual({ code, status: statusOf[code] });
      if (code === 'INFERENCE_TIMEOUT') expect(ms).toBeGreaterThan(timeoutMs - 50);
      expect(ms).toBeLessThan(timeoutMs + 500);
      if (code === 'MODEL_QUARANTINED') expect(Number(retryAfter)).toBeGreaterThan(0);
    }
    const { reason } = offender;
    expect(await stateOf(modelName)).toMatchObject({ modelName, modelVersion: 'v1', state: 'quarantined', reason });
    const events = (await eventsOf(modelName)).toReversed();
    expect(events.map(({ errorCode }) => errorCode)).toEqual(codes);
    expect(events.map(({ id }) => id)).toEqual(answered.map(({ inferenceId }) => inferenceId));

    expect(await harperPid()).toBe(pid);
    expect((peak - before) / mebibyte).toBeLessThan(150);
  });
});

test(
  'a model that crashes while it loads is refused, nothing is stored, and the neighbours do not notice',
  attempts,
  async () => {
    const fields = { modelName: 'crashes-on-load', modelVersion: 'v1', framework: 'onnx' };
    const { answered } = await besideNeighbours(() =>
      admin.post('/model/upload', uploadForm(fields, crashesOnLoad(`load ${serial++}`))),
    );
    expect({ status: answered.status, code: answered.body.code }).toEqual({ status: 422, code: 'MODEL_LOAD_FAILED' });
    expect((await admin.get('/model/crashes-on-load/v1')).status).toBe(404);
  },
);

test('the server is the one that was started', async () => {
  expect(server.child.exitCode).toBeNull();
  expect((await admin.get('/health/ready')).status).toBe(200);
  for (const neighbour of neighbours) expect(await ask(neighbour)).toMatchObject({ status: 200 });
});
