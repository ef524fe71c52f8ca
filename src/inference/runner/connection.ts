import { connect, type Socket } from 'node:net';
import type { EngineModel } from '../engine.ts';
import { FrameWriter } from './frame-writer.ts';
import { FrameReader } from './frames.ts';
import type { RunnerReply, RunnerRequest } from './messages.ts';
import type { RunnerAddress } from './notices.ts';

export interface ConnectionHandlers {
  readonly onReply: (reply: RunnerReply, body: Buffer) => void;
  /** Once, when the runner or the socket is gone. */
  readonly onClose: () => void;
}

/** A client's socket to one runner process, for as long as that lives. */
export class RunnerConnection {
  readonly address: RunnerAddress;
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #handles = new Map<string, number>();
  /** The same, without making the key again for a model that was seen as the same object. */
  readonly #known = new WeakMap<EngineModel, number>();

  constructor(address: RunnerAddress, { onReply, onClose }: ConnectionHandlers) {
    this.address = address;
    this.#socket = connect(address.socketPath);
    // Waiting calls keep the process alive by their timer; an idle runner does not.
    this.#socket.unref();
    this.#writer = new FrameWriter(this.#socket, setImmediate);
    const reader = new FrameReader(({ header, body }) => onReply(header as RunnerReply, body));
    this.#socket.on('data', (chunk) => reader.push(chunk as Buffer));
    this.#socket.on('error', () => {});
    this.#socket.on('close', onClose);
  }

  /** Bytes that the runner has not taken yet. */
  get backlog(): number {
    return this.#writer.backlog;
  }

  send(request: RunnerRequest, sections: readonly Uint8Array[] = []): void {
    this.#writer.write(request, sections);
  }

  /** The number under which the runner knows a model; describes it to the runner the first time. */
  handleOf(model: EngineModel): number {
    const known = this.#known.get(model);
    if (known !== undefined) return known;
    const key = keyOf(model);
    let handle = this.#handles.get(key);
    if (handle === undefined) {
      handle = this.#handles.size + 1;
      this.#handles.set(key, handle);
      this.send({ op: 'model', model: handle, description: model });
    }
    this.#known.set(model, handle);
    return handle;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Everything that the runner must know of a model: two that differ in nothing else are the same to it. */
function keyOf({
  digest,
  directory,
  entry,
  framework,
  device,
  threads,
  taskType,
  pooling,
  normalize,
  maxTokens,
  runTimeoutMs,
}: EngineModel): string {
  return `${digest}|${framework}|${device}|${threads}|${taskType}|${pooling}|${normalize}|${maxTokens}|${runTimeoutMs}|${entry}|${directory}`;
}
