import { AppError } from '../../errors.ts';
import type { EngineResult, TextInfo } from '../engine.ts';
import type { Lane } from './executor.ts';
import { monotonicMs } from './monotonic.ts';
import type { Pending } from './pending.ts';
import { planGroups, runLimits } from './plan-groups.ts';
import type { WatchedRun } from './run-watch.ts';
import { type PoolUnit, UnitPool } from './unit-pool.ts';

/**
 * Where neighbours move a vector, a request of fewer texts runs them one by one and gets exact vectors; a larger
 * one wants speed: groups of 8 gave 637 texts/s where single runs gave 500, at a cosine of 0.98 to 0.99.
 */
const MIN_TEXTS_TO_SHARE = 16;

export interface TokenizedText {
  /** Tokens, after the model's limit cut it. */
  readonly length: number;
  readonly truncated: boolean;
}

/** What batching needs of a model that reads texts. */
export interface TextModel<U extends TokenizedText = TokenizedText> {
  readonly info: TextInfo;
  /** With whom a text may share a run, see `TextEncoder`. */
  readonly company: 'any' | 'own' | 'none';
  tokenize(texts: readonly string[]): readonly U[];
  /** @returns float32 `[units, dimension]`, in the order of `units`. */
  encodeBatch(units: readonly U[], options?: { readonly normalize?: boolean }): Promise<Float32Array>;
}

export interface TextRequest {
  readonly texts: readonly string[];
  readonly normalize: boolean;
  readonly pending: Pending<EngineResult>;
}

interface Unit extends PoolUnit {
  readonly owner: Job;
  readonly index: number;
  readonly text: TokenizedText;
}

/** A request with its texts as units, and the rows that have come back. */
interface Job extends TextRequest {
  /** Those that still wait. */
  units: Unit[];
  /** Where its waiting units meet those of other requests, or else its own runs to come. */
  company: UnitPool<Unit> | Unit[][];
  left: number;
  readonly vectors: Float32Array;
  readonly promptTokens: number;
  readonly truncated: readonly number[];
  tokenizeMs: number;
  runMs: number;
  postMs: number;
}

export interface TextLaneOptions {
  readonly model: TextModel;
  /** Wraps tokenising and every run, for the watchdog. */
  readonly watched: WatchedRun;
}

/**
 * The requests that wait for one text model. Every text is a unit; each turn runs one group of similar length,
 * taken, where the model allows it, from all requests around the next text of the request whose turn it is, so a request with one text does
 * not wait behind all 512 of another.
 */
export class TextLane implements Lane {
  readonly #options: TextLaneOptions;
  readonly #pools = { raw: new UnitPool<Unit>(), normalized: new UnitPool<Unit>() };
  #arrived: TextRequest[] = [];
  #jobs: Job[] = [];

  constructor(options: TextLaneOptions) {
    this.#options = options;
  }

  add(request: TextRequest): void {
    this.#arrived.push(request);
  }

  hasWork(): boolean {
    return this.#arrived.length + this.#jobs.length > 0;
  }

  async runTurn(): Promise<void> {
    const now = monotonicMs();
    this.#dropUnwanted(now);
    const arrived = this.#arrived.filter(({ pending }) => pending.isWanted(now));
    this.#arrived = [];
    const tokenizeAll = async () => {
      for (const request of arrived) this.#tokenize(request);
    };
    if (arrived.length > 0) await this.#options.watched(tokenizeAll, now);
    const group = this.#nextGroup();
    if (group.length > 0) await this.#run(group);
  }

  #dropUnwanted(now: number): void {
    this.#jobs = this.#jobs.filter((job) => {
      if (job.pending.isWanted(now)) return true;
      this.#forget(job);
      return false;
    });
  }

  #forget(job: Job): void {
    if (job.company instanceof UnitPool) for (const unit of job.units) job.company.delete(unit);
  }

  #companyOf(units: readonly Unit[], normalize: boolean): UnitPool<Unit> | Unit[][] {
    const { company } = this.#options.model;
    if (company === 'any') return normalize ? this.#pools.normalized : this.#pools.raw;
    const shares = company === 'own' && units.length >= MIN_TEXTS_TO_SHARE;
    return planGroups(units, { ...runLimits, ...(!shares && { maxUnits: 1 }) });
  }

  #tokenize(request: TextRequest): void {
    const { texts, pending } = request;
    const startedAt = monotonicMs();
    try {
      const tokenized = this.#options.model.tokenize(texts);
      const vectors = new Float32Array(texts.length * this.#options.model.info.dimension);
      const promptTokens = tokenized.reduce((sum, { length }) => sum + length, 0);
      const truncated = tokenized.flatMap((text, index) => (text.truncated ? [index] : []));
      const job: Job = {
        ...request,
        units: [],
        company: [],
        left: texts.length,
        vectors,
        promptTokens,
        truncated,
        tokenizeMs: 0,
        runMs: 0,
        postMs: 0,
      };
      job.units = tokenized.map((text, index) => ({ owner: job, index, text, length: text.length }));
      job.tokenizeMs = monotonicMs() - startedAt;
      job.company = this.#companyOf(job.units, job.normalize);
      if (job.company instanceof UnitPool) for (const unit of job.units) job.company.add(unit);
      if (job.left === 0) this.#answer(job);
      else this.#jobs.push(job);
    } catch (error) {
      pending.reject(error);
    }
  }

  #nextGroup(): Unit[] {
    const job = this.#jobs.shift();
    if (!job) return [];
    this.#jobs.push(job);
    const [seed] = job.units;
    if (!seed) throw new Error('a text job without waiting units stayed in its lane');
    if (job.company instanceof UnitPool) return job.company.takeAround(seed, runLimits.maxUnits, runLimits.maxTokens);
    return job.company.shift() ?? [];
  }

  async #run(group: readonly Unit[]): Promise<void> {
    for (const { owner } of group) owner.pending.start();
    try {
      await this.#encode(group);
    } catch (error) {
      // One bad text must fail alone, so each of a failed group is asked by itself.
      if (group.length === 1) this.#fail((group[0] as Unit).owner, error);
      else for (const unit of group) await this.#runAlone(unit);
    }
    this.#settle(group);
  }

  async #runAlone(unit: Unit): Promise<void> {
    if (unit.owner.pending.state === 'settled') return;
    try {
      await this.#encode([unit]);
    } catch (error) {
      this.#fail(unit.owner, error);
    }
  }

  async #encode(group: readonly Unit[]): Promise<void> {
    const { model, watched } = this.#options;
    const { dimension } = model.info;
    const normalize = (group[0] as Unit).owner.normalize;
    const startedAt = monotonicMs();
    const youngest = Math.max(...group.map(({ owner }) => owner.pending.enqueuedAt));
    const units = group.map(({ text }) => text);
    const vectors = await watched(() => model.encodeBatch(units, { normalize }), youngest);
    const endedAt = monotonicMs();
    if (vectors.length !== group.length * dimension) {
      throw new AppError(
        'BACKEND_FAILED',
        `Expected ${group.length} × ${dimension} numbers of the text model, got ${vectors.length}; check the package's pooling settings`,
      );
    }
    for (const [row, { owner, index }] of group.entries()) {
      owner.vectors.set(vectors.subarray(row * dimension, (row + 1) * dimension), index * dimension);
      owner.left -= 1;
    }
    const postMs = monotonicMs() - endedAt;
    for (const owner of new Set(group.map((unit) => unit.owner))) {
      owner.runMs += endedAt - startedAt;
      owner.postMs += postMs;
    }
  }

  #fail(job: Job, error: unknown): void {
    this.#forget(job);
    job.pending.reject(error);
  }

  /** Answers the requests that are complete and moves the others on to their next waiting unit. */
  #settle(group: readonly Unit[]): void {
    const taken = new Set(group);
    for (const owner of new Set(group.map((unit) => unit.owner))) {
      owner.units = owner.units.filter((unit) => !taken.has(unit));
      if (owner.left === 0) this.#answer(owner);
    }
    this.#jobs = this.#jobs.filter(({ pending }) => pending.state !== 'settled');
  }

  #answer(job: Job): void {
    const { pending, texts, vectors, promptTokens, truncated, tokenizeMs, runMs, postMs } = job;
    const { dimension } = this.#options.model.info;
    // What is left of the whole time was spent waiting, between groups too.
    const queueMs = Math.max(0, monotonicMs() - pending.enqueuedAt - tokenizeMs - runMs - postMs);
    pending.resolve({
      outputs: { embedding: { dtype: 'float32', shape: [texts.length, dimension], data: vectors } },
      timing: { queueMs, tokenizeMs, runMs, postMs },
      promptTokens,
      truncated,
    });
  }
}
