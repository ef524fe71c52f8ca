import type { Socket } from 'node:net';
import type { EngineInput, EngineModel } from '../engine.ts';
import type { LocalEngine } from '../local-engine.ts';
import { FrameWriter } from './frame-writer.ts';
import { type Frame, FrameReader } from './frames.ts';
import { type PredictRequest, type RunnerReply, type RunnerRequest, toWireError } from './messages.ts';
import { fromWire, toWire } from './wire-tensors.ts';

class Cancelled extends Error {}

/** Serves one client of a runner: reads requests from its socket, asks the engine, writes the answers. */
export class RunnerSession {
  readonly #engine: LocalEngine;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #models = new Map<number, EngineModel>();
  readonly #cancel = new Map<number, (reason: unknown) => void>();

  constructor(engine: LocalEngine, socket: Socket) {
    this.#engine = engine;
    this.#socket = socket;
    this.#writer = new FrameWriter(socket, process.nextTick);
    const reader = new FrameReader((frame) => this.#handle(frame));
    socket.on('data', (chunk) => {
      try {
        reader.push(chunk as Buffer);
      } catch (error) {
        console.error('runner: dropped a client that sent what is no frame', error);
        socket.destroy();
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#cancelAll());
  }

  #cancelAll(): void {
    for (const cancel of this.#cancel.values()) cancel(new Cancelled('the client has gone'));
    this.#cancel.clear();
  }

  #handle({ header, body }: Frame): void {
    const request = header as RunnerRequest;
    if (request.op === 'model') this.#models.set(request.model, request.description);
    else if (request.op === 'predict') this.#predict(request, body);
    else if (request.op === 'cancel') this.#cancel.get(request.id)?.(new Cancelled('the client no longer waits'));
    else this.#answer(request.id, this.#ask(request));
  }

  async #ask(
    request: Extract<RunnerRequest, { op: 'load' | 'unload' | 'status' | 'availability' }>,
  ): Promise<RunnerReply> {
    const { id, op } = request;
    if (op === 'load') return { id, type: 'info', info: await this.#engine.load(this.#modelOf(request.model)) };
    if (op === 'status') return { id, type: 'status', status: { ...this.#engine.statusNow(), backends: {} } };
    if (op === 'availability') return { id, type: 'availability', backends: await this.#engine.availability() };
    await this.#engine.unload(request.digest);
    return { id, type: 'done' };
  }

  #answer(id: number, reply: Promise<RunnerReply>): void {
    reply.then(
      (answer) => this.#writer.write(answer),
      (error) => this.#fail(id, error),
    );
  }

  #predict(request: PredictRequest, body: Buffer): void {
    const { id, deadline, sentAt } = request;
    const ticket = this.#engine.submit(this.#modelOf(request.model), inputOf(request, body), deadline, sentAt);
    this.#cancel.set(id, ticket.cancel);
    ticket.result.then(
      ({ outputs, ...rest }) => {
        this.#cancel.delete(id);
        const { tensors, sections } = toWire(outputs);
        this.#writer.write({ id, type: 'result', outputs: tensors, ...rest } satisfies RunnerReply, sections);
      },
      (error) => this.#fail(id, error),
    );
  }

  #fail(id: number, error: unknown): void {
    this.#cancel.delete(id);
    if (error instanceof Cancelled || this.#socket.destroyed) return;
    const wire = toWireError(error);
    if (wire.code === 'INTERNAL') console.error('runner:', error);
    this.#writer.write({ id, type: 'error', error: wire } satisfies RunnerReply);
  }

  #modelOf(handle: number): EngineModel {
    const model = this.#models.get(handle);
    if (!model) throw new Error(`no model was described as ${handle}`);
    return model;
  }
}

function inputOf({ tensors, texts, normalize, question }: PredictRequest, body: Buffer): EngineInput {
  if (question) return question;
  if (texts) return { kind: 'texts', texts, ...(normalize !== undefined && { normalize }) };
  return { kind: 'tensors', tensors: fromWire(tensors ?? [], body) };
}
