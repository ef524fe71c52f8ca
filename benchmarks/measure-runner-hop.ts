import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Backend } from '../src/inference/backend.ts';
import type { EngineInput, EngineModel } from '../src/inference/engine.ts';
import { RunnerClient } from '../src/inference/runner/client.ts';
import { encodeFrame } from '../src/inference/runner/frames.ts';
import { type RunnerSettings, startRunner } from '../src/inference/runner/start.ts';
import { RunnerSupervisor } from '../src/inference/runner/supervisor.ts';
import { toWire } from '../src/inference/runner/wire-tensors.ts';

const usage = `Measures what it costs to ask a runner process instead of this one.

  node dist/benchmarks/measure-runner-hop.js [--requests 5000] [--concurrency 64] [--json]

Prints the time of one request at a time against the floor (an echo of the same bytes over the same kind of
socket, in the same run), and the processor time per request with many at once. The runner's model returns its
input, 64 float32. Fails when the hop takes more than 0.25 ms at the median.`;

const thisFile = fileURLToPath(import.meta.url);
const MOST_HOP_MS = 0.25;
const ELEMENTS = 64;

/** Answers its input at once, so that what is left is the way there and back. */
const identity: Backend = {
  placement: 'runner',
  availability: async () => ({ available: true }),
  load: async () => ({
    inputs: [{ name: 'x', dtype: 'float32', shape: [-1, ELEMENTS] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [-1, ELEMENTS] }],
    memoryBytes: 1,
    predict: async ({ x }) => ({ y: x as NonNullable<typeof x> }),
    dispose: async () => {},
  }),
};

const input: EngineInput = {
  kind: 'tensors',
  tensors: {
    x: { dtype: 'float32', shape: [1, ELEMENTS], data: Float32Array.from({ length: ELEMENTS }, Math.random) },
  },
};
const model: EngineModel = {
  digest: '0'.repeat(64),
  directory: '/',
  entry: 'identity',
  framework: 'onnx',
  serves: 'production',
  runTimeoutMs: 30_000,
};

interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure(requests: number, request: () => Promise<unknown>): Promise<Percentiles> {
  for (let i = 0; i < requests / 5; i++) await request();
  const times: number[] = [];
  for (let i = 0; i < requests; i++) {
    const start = performance.now();
    await request();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] as number;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** The same bytes there and back between two processes, with nothing done to them. */
async function measureFloor(directory: string, requests: number): Promise<Percentiles> {
  const path = join(mkdtempSync(join(directory, 'echo-')), 'sock');
  const child = spawn(process.execPath, [thisFile, '--echo', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const socket: Socket = connect(path);
    await once(socket, 'connect');
    const { tensors, sections } = toWire(input.kind === 'tensors' ? input.tensors : {});
    const payload = Buffer.concat(
      encodeFrame({ op: 'predict', id: 1, model: 1, deadline: 1.5, sentAt: 1.5, tensors }, sections),
    );
    const result = await measure(requests, () => echoOnce(socket, payload));
    socket.destroy();
    return result;
  } finally {
    child.kill();
  }
}

function echoOnce(socket: Socket, payload: Buffer): Promise<void> {
  return new Promise((resolve) => {
    let missing = payload.length;
    const take = (chunk: Buffer) => {
      missing -= chunk.length;
      if (missing > 0) return;
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    socket.write(payload);
  });
}

/** @returns requests per second, and milliseconds of this process's processor time for each. */
async function measureLoad(client: RunnerClient, requests: number, concurrency: number) {
  let left = requests;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const worker = async () => {
    while (left-- > 0) await client.predict(model, input, { timeoutMs: 30_000 });
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: requests / ((performance.now() - start) / 1000), clientCpuMs: (user + system) / 1000 / requests };
}

async function main(requests: number, concurrency: number, json: boolean): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'hop-'));
  const paths = { directory: join(root, 'r'), stateDirectory: join(root, 's') };
  const supervisor = new RunnerSupervisor({ ...paths, entryPath: thisFile });
  const client = new RunnerClient(paths);
  try {
    await client.load(model);
    const before = await measureFloor(root, requests);
    const hop = await measure(requests, () => client.predict(model, input, { timeoutMs: 30_000 }));
    const after = await measureFloor(root, requests);
    const floor = before.p50Ms < after.p50Ms ? before : after;
    const load = await measureLoad(client, requests * 4, concurrency);
    const result = { hop, floor, ratio: hop.p50Ms / floor.p50Ms, concurrency, load };
    if (json) console.log(JSON.stringify(result, null, 2));
    else {
      console.log(`hop    p50 ${hop.p50Ms.toFixed(3)} ms   p99 ${hop.p99Ms.toFixed(3)} ms`);
      console.log(
        `floor  p50 ${floor.p50Ms.toFixed(3)} ms   p99 ${floor.p99Ms.toFixed(3)} ms   ratio ${result.ratio.toFixed(2)}`,
      );
      console.log(
        `${concurrency} at once: ${load.perSecond.toFixed(0)} requests/s, ${load.clientCpuMs.toFixed(4)} ms of the client's processor each`,
      );
    }
    if (hop.p50Ms > MOST_HOP_MS) {
      console.error(`Expected a hop of at most ${MOST_HOP_MS} ms at the median, got ${hop.p50Ms.toFixed(3)} ms`);
      process.exitCode = 1;
    }
  } finally {
    await client.close();
    await supervisor.close();
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[2]?.startsWith('{')) {
  // Started by the supervisor below, as a runner.
  await startRunner(JSON.parse(process.argv[2]) as RunnerSettings, {
    backends: { onnx: () => identity },
    inspect: async () => ({ inputs: [] }),
    openText: async () => undefined,
  });
} else {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '5000' },
      concurrency: { type: 'string', default: '64' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      echo: { type: 'string' },
    },
  });
  if (values.help) console.log(usage);
  else if (values.echo !== undefined) {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    server.listen(values.echo, () => console.log('ready'));
  } else {
    await main(Number(values.requests), Number(values.concurrency), values.json);
  }
}
