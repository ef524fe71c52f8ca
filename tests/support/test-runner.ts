import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { RunnerClient, type RunnerClientOptions } from '../../src/inference/runner/client.ts';
import { encodeFrame, FrameReader } from '../../src/inference/runner/frames.ts';
import { Marker } from '../../src/inference/runner/marker.ts';
import type { PredictRequest, RunnerReply, RunnerRequest } from '../../src/inference/runner/messages.ts';
import { type Notice, NoticeBoard, type Quarantined, type RunnerAddress } from '../../src/inference/runner/notices.ts';
import { until } from './runner-fixture.ts';

type Asked = Exclude<RunnerRequest, { op: 'model' | 'cancel' }>;

/** What a runner of a test answers: a reply, or nothing. */
export type Behaviour = (asked: Asked) => RunnerReply | undefined;

/** A runner in the process of the test: it speaks the protocol, and answers as it is told. */
export interface TestRunner {
  readonly address: RunnerAddress;
  /** All that clients have sent, in order. */
  readonly heard: RunnerRequest[];
  readonly marker: Marker;
  behave: Behaviour;
  /** Breaks every connection, as a dead process does. */
  die(): void;
}

const timing = { queueMs: 0, tokenizeMs: 0, runMs: 1, postMs: 0 };

/** The answer to a prediction: its value is the runner's generation. */
export const answerOf = (id: number, value: unknown): RunnerReply => ({
  id,
  type: 'result',
  outputs: [],
  value,
  timing,
});

/** The threads of a server with runners of the test in place of processes. */
export function testFleet(options: Partial<RunnerClientOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'tf-'));
  const notices: Notice[] = [];
  const board = new NoticeBoard(directory, (notice) => notices.push(notice));
  const client = new RunnerClient({ directory, stateDirectory: directory, ...options });
  const closing: (() => unknown)[] = [() => client.close(), () => board.close()];
  onTestFinished(async () => {
    for (const close of closing) await close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(generation: string, own: Partial<RunnerAddress> = {}): Promise<TestRunner> {
    const address: RunnerAddress = {
      id: 'production',
      serves: 'production',
      spare: false,
      generation,
      pid: process.pid,
      restarts: 0,
      socketPath: join(directory, `${generation}.sock`),
      markerPath: join(directory, `${generation}.marker`),
      ...own,
    };
    const sockets = new Set<Socket>();
    const runner: TestRunner = {
      address,
      heard: [],
      marker: new Marker(address.markerPath),
      behave: (asked) => (asked.op === 'predict' ? answerOf(asked.id, generation) : undefined),
      die: () => {
        for (const socket of sockets) socket.destroy();
      },
    };
    const server = createServer((socket) => {
      sockets.add(socket);
      const reader = new FrameReader(({ header }) => {
        const request = header as RunnerRequest;
        runner.heard.push(request);
        if (request.op === 'model' || request.op === 'cancel') return;
        const reply = runner.behave(request);
        if (reply) for (const bytes of encodeFrame(reply)) socket.write(bytes);
      });
      socket.on('data', (chunk) => reader.push(chunk as Buffer)).on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(address.socketPath, resolve));
    closing.unshift(() => {
      runner.die();
      runner.marker.close();
      return new Promise((resolve) => server.close(resolve));
    });
    return runner;
  }

  /** Says which runners are up, as a supervisor does, and waits until the client has heard. */
  async function announce(runners: readonly TestRunner[], quarantined: readonly Quarantined[] = []): Promise<void> {
    const names = (addresses: readonly RunnerAddress[]) => addresses.map(({ generation }) => generation).join();
    const wanted = runners.map(({ address }) => address);
    board.post({ type: 'state', runners: wanted, quarantined });
    await until(() => names(client.runners()) === names(wanted));
  }

  return { client, board, notices, start, announce };
}

/** The predictions that a runner was asked for. */
export const predictionsOf = ({ heard }: TestRunner): PredictRequest[] =>
  heard.flatMap((request) => (request.op === 'predict' ? [request] : []));
