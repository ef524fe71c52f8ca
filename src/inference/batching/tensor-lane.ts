import type { TensorMap } from '../../lib/tensor.ts';
import type { LoadedModel } from '../backend.ts';
import type { EngineResult } from '../engine.ts';
import { eventLoopTurn, type Lane } from './executor.ts';
import type { MergeProofs } from './merge-proof.ts';
import { elementsOf, hasFreeLeadingAxis, mergeKey, mergeRequests, rowsOf, splitOutputs } from './merge-tensors.ts';
import { monotonicMs } from './monotonic.ts';
import type { Pending } from './pending.ts';
import type { WatchedRun } from './run-watch.ts';
import { sameOutputs } from './same-outputs.ts';

/** Rows in one merged run. Beyond this a small model gains little and the others wait longer for their turn. */
const MAX_ROWS = 64;
/** Elements in one merged run: 16 MiB of float32, so that merging never costs noticeable memory. */
const MAX_ELEMENTS = 4 * 1024 * 1024;
/** Requests in one trial of merging: enough to disagree, few enough to be run one after another. */
const MAX_TRIAL = 4;

export interface TensorRequest {
  readonly inputs: TensorMap;
  readonly pending: Pending<EngineResult>;
}

interface Queued extends TensorRequest {
  readonly key: string;
  readonly rows: number;
  readonly elements: number;
}

export interface TensorLaneOptions {
  readonly digest: string;
  readonly model: Pick<LoadedModel, 'inputs' | 'outputs' | 'predict'>;
  readonly proofs: MergeProofs;
  /** Wraps every run of the model, for the watchdog. */
  readonly watched: WatchedRun;
}

/** The requests that wait for one tensor model, merged along axis 0 where that is proven to change nothing. */
export class TensorLane implements Lane {
  readonly #options: TensorLaneOptions;
  readonly #mergeable: boolean;
  #queue: Queued[] = [];

  constructor(options: TensorLaneOptions) {
    this.#options = options;
    this.#mergeable = hasFreeLeadingAxis(options.model.inputs, options.model.outputs);
  }

  add({ inputs, pending }: TensorRequest): void {
    const rows = this.#mergeable ? rowsOf(inputs) : 0;
    this.#queue.push({
      inputs,
      pending,
      rows,
      key: rows > 0 ? mergeKey(inputs) : '',
      elements: rows > 0 ? elementsOf(inputs) : 0,
    });
  }

  hasWork(): boolean {
    return this.#queue.length > 0;
  }

  async runTurn(): Promise<void> {
    const batch = this.#take();
    for (const { pending } of batch) pending.start();
    if (batch.length < 2) return void (await this.#runEach(batch));
    if (this.#options.proofs.verdict(this.#options.digest) === 'allowed') return this.#runMerged(batch);
    return this.#runTrial(batch);
  }

  /** The oldest request with those that may join it, in order of arrival, within the caps. */
  #take(): Queued[] {
    const now = monotonicMs();
    const waiting = this.#queue.filter(({ pending }) => pending.isWanted(now));
    const [oldest] = waiting;
    if (!oldest) {
      this.#queue = [];
      return [];
    }
    const batch = [oldest];
    const left: Queued[] = [];
    const verdict = this.#options.proofs.verdict(this.#options.digest);
    const most =
      oldest.rows === 0 || verdict === 'forbidden' ? 1 : verdict === 'unproven' ? MAX_TRIAL : Number.POSITIVE_INFINITY;
    let { rows, elements } = oldest;
    for (const next of waiting.slice(1)) {
      const joins =
        batch.length < most &&
        next.key === oldest.key &&
        rows + next.rows <= MAX_ROWS &&
        elements + next.elements <= MAX_ELEMENTS;
      (joins ? batch : left).push(next);
      if (joins) [rows, elements] = [rows + next.rows, elements + next.elements];
    }
    this.#queue = left;
    return batch;
  }

  /** Answers every request by a run of its own; one that fails does so alone. */
  async #runEach(batch: readonly Queued[]): Promise<(TensorMap | undefined)[]> {
    const answers: (TensorMap | undefined)[] = [];
    for (const [index, { inputs, pending }] of batch.entries()) {
      // Answers leave and cancellations arrive between two runs.
      if (index > 0) await eventLoopTurn();
      if (!pending.isWanted(monotonicMs())) {
        answers.push(undefined);
        continue;
      }
      try {
        const startedAt = monotonicMs();
        const outputs = await this.#run(inputs, pending.enqueuedAt);
        this.#answer(pending, outputs, startedAt, monotonicMs());
        answers.push(outputs);
      } catch (error) {
        pending.reject(error);
        answers.push(undefined);
      }
    }
    return answers;
  }

  async #runMerged(batch: readonly Queued[]): Promise<void> {
    const startedAt = monotonicMs();
    let parts: TensorMap[] | undefined;
    let endedAt = startedAt;
    try {
      const youngest = Math.max(...batch.map(({ pending }) => pending.enqueuedAt));
      const merged = await this.#run(mergeRequests(batch.map(({ inputs }) => inputs)), youngest);
      endedAt = monotonicMs();
      parts = splitOutputs(
        merged,
        batch.map(({ rows }) => rows),
      );
      if (!parts) this.#options.proofs.record(this.#options.digest, false);
    } catch {
      // One bad request must fail alone: each is asked again below and gets its own answer or error.
    }
    if (!parts) return void (await this.#runEach(batch));
    for (const [index, outputs] of parts.entries())
      this.#answer((batch[index] as Queued).pending, outputs, startedAt, endedAt);
  }

  /** Answers from single runs, then looks whether a merged run would have said the same. */
  async #runTrial(batch: readonly Queued[]): Promise<void> {
    const answers = await this.#runEach(batch);
    const proven = batch.flatMap((request, index) => {
      const alone = answers[index];
      return alone ? [{ ...request, alone }] : [];
    });
    if (proven.length < 2) return;
    // The answers leave before the comparison takes the processor.
    await eventLoopTurn();
    this.#options.proofs.record(this.#options.digest, await this.#agrees(proven));
  }

  async #agrees(batch: readonly { inputs: TensorMap; rows: number; alone: TensorMap }[]): Promise<boolean> {
    try {
      const merged = await this.#run(mergeRequests(batch.map(({ inputs }) => inputs)), monotonicMs());
      const parts = splitOutputs(
        merged,
        batch.map(({ rows }) => rows),
      );
      return parts?.every((part, index) => sameOutputs(part, (batch[index] as { alone: TensorMap }).alone)) ?? false;
    } catch {
      return false;
    }
  }

  #run(inputs: TensorMap, enqueuedAt: number): Promise<TensorMap> {
    return this.#options.watched(() => this.#options.model.predict(inputs), enqueuedAt);
  }

  #answer(pending: Pending<EngineResult>, outputs: TensorMap, startedAt: number, endedAt: number): void {
    const timing = {
      queueMs: startedAt - pending.enqueuedAt,
      tokenizeMs: 0,
      runMs: endedAt - startedAt,
      postMs: monotonicMs() - endedAt,
    };
    pending.resolve({ outputs, timing });
  }
}
