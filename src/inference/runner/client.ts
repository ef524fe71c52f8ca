import { AppError } from '../../errors.ts';
import { monotonicMs } from '../batching/monotonic.ts';
import type {
  EngineInput,
  EngineModel,
  EngineResult,
  EngineStatus,
  InferenceEngine,
  ModelInfo,
  PredictOptions,
  Serves,
} from '../engine.ts';
import { Call } from './call.ts';
import { Fleet, type RunnerLink } from './fleet.ts';
import { fromWireError, type RunnerReply } from './messages.ts';
import { type Notice, NoticeBoard, type Quarantined, type RunnerAddress, type Verdict } from './notices.ts';
import { quarantinedError, readQuarantined } from './quarantine.ts';
import { Questions } from './questions.ts';
import { notReady, queueFull } from './refusals.ts';
import { Relief } from './relief.ts';
import { mergeStatus } from './status.ts';
import { Suspects } from './suspects.ts';
import { Verdicts } from './verdicts.ts';

export interface RunnerClientOptions {
  /** The supervisor's `directory` and `stateDirectory`. */
  readonly directory: string;
  readonly stateDirectory: string;
  /** Requests of this client that may be under way; the next one is refused. */
  readonly maxInFlight?: number;
  readonly loadTimeoutMs?: number;
  /** How long a request waits for a runner to come up. */
  readonly readyTimeoutMs?: number;
}

/** One timer looks after all deadlines; an answer at a deadline is late by at most this. */
const SWEEP_MS = 20;
/** The timer stops after so many sweeps without anything to look after. */
const IDLE_SWEEPS = 100;
/** Bytes a runner has not taken yet, beyond which no more is sent to it. */
const MAX_BACKLOG = 256 * 2 ** 20;
/** A runner that blocks cannot answer; whoever only wants to know does not wait for it. */
const PATIENCE_MS = 500;
const AVAILABILITY_PATIENCE_MS = 10_000;

/** Runs models in the runners of this server; one in each of its threads. */
export class RunnerClient implements InferenceEngine {
  readonly #options: Required<RunnerClientOptions>;
  readonly #board: NoticeBoard;
  readonly #fleet: Fleet;
  readonly #verdicts = new Verdicts<Call>((call, verdict) => this.#afterDeath(call, verdict));
  readonly #questions = new Questions();
  readonly #calls = new Map<number, Call>();
  /** Calls for which no runner is up. */
  readonly #waiting = new Set<Call>();
  readonly #relief = new Relief((serves) => this.#board.post({ type: 'spare', serves }));
  readonly #suspects = new Suspects();
  #quarantined: ReadonlyMap<string, Quarantined>;
  #runners: readonly RunnerAddress[] | undefined;
  #backends: EngineStatus['backends'] | undefined;
  #nextId = 1;
  #timer: NodeJS.Timeout | undefined;
  #idleSweeps = 0;
  #closed = false;

  constructor(options: RunnerClientOptions) {
    this.#options = { maxInFlight: 1024, loadTimeoutMs: 120_000, readyTimeoutMs: 10_000, ...options };
    this.#quarantined = byDigest(readQuarantined(options.stateDirectory));
    this.#fleet = new Fleet({
      onReply: (link, reply, body) => this.#receive(link, reply, body),
      onLost: (link) => this.#lose(link),
    });
    this.#board = new NoticeBoard(options.directory, (notice) => this.#hear(notice));
    this.#board.post({ type: 'hello' });
  }

  load(model: EngineModel): Promise<ModelInfo> {
    return this.#call(model, undefined, { timeoutMs: this.#options.loadTimeoutMs }) as Promise<ModelInfo>;
  }

  predict(model: EngineModel, input: EngineInput, options: PredictOptions): Promise<EngineResult> {
    return this.#call(model, input, options) as Promise<EngineResult>;
  }

  async unload(digest: string): Promise<void> {
    await Promise.all([...this.#fleet.links()].map((link) => this.#ask(link, { op: 'unload', digest })));
  }

  async status(): Promise<EngineStatus> {
    const answers = await Promise.all([...this.#fleet.links()].map((link) => this.#ask(link, { op: 'status' })));
    const parts = answers.flatMap((reply) => (reply?.type === 'status' ? [reply.status] : []));
    return mergeStatus(parts, this.#runners ?? [], [...this.#quarantined.values()], await this.#availability());
  }

  /** Asked once, and of the candidates' runner: to answer, a framework may have to start, which takes a second. */
  async #availability(): Promise<EngineStatus['backends']> {
    const link = this.#fleet.find('candidates', false);
    if (this.#backends || !link) return this.#backends ?? {};
    const reply = await this.#ask(link, { op: 'availability' }, AVAILABILITY_PATIENCE_MS);
    if (reply?.type === 'availability') this.#backends = reply.backends;
    return this.#backends ?? {};
  }

  /** Asks the supervisor to give a quarantined model another chance; for this thread it has one at once. */
  release(digest: string): void {
    this.#quarantined = new Map([...this.#quarantined].filter(([quarantined]) => quarantined !== digest));
    this.#suspects.acquit(digest);
    this.#board.post({ type: 'release', digest });
  }

  /** Whether a runner of this kind can be reached. */
  isReady(serves: Serves): boolean {
    return this.#fleet.find(serves, false) !== undefined;
  }

  /** The runners that are up, as the supervisor last said. */
  runners(): readonly RunnerAddress[] {
    return this.#runners ?? [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const call of [...this.#calls.values()]) this.#fail(call, notReady('The server is shutting down'));
    this.#questions.close();
    this.#fleet.close();
    this.#board.close();
  }

  #call(
    model: EngineModel,
    input: EngineInput | undefined,
    { timeoutMs, signal }: PredictOptions,
  ): Promise<EngineResult | ModelInfo> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw notReady('The server is shutting down');
      if (signal?.aborted) throw signal.reason;
      if (this.#calls.size >= this.#options.maxInFlight) throw queueFull(this.#options.maxInFlight);
      const createdAt = monotonicMs();
      const call = new Call({
        id: this.#nextId++,
        model,
        input,
        deadline: createdAt + timeoutMs,
        createdAt,
        resolve,
        reject,
      });
      this.#calls.set(call.id, call);
      if (signal) this.#listen(call, signal);
      this.#startTimer();
      this.#dispatch(call, createdAt);
    });
  }

  #listen(call: Call, signal: AbortSignal): void {
    const cancel = () => this.#fail(call, signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    call.onSettled = () => signal.removeEventListener('abort', cancel);
  }

  #dispatch(call: Call, now: number): void {
    const entry = this.#quarantined.get(call.model.digest);
    if (entry) {
      this.#fail(call, quarantinedError(entry));
      return;
    }
    const link = this.#linkFor(call.model, now);
    if (!link) {
      call.waitingSince = now;
      this.#waiting.add(call);
    } else if (link.connection.backlog > MAX_BACKLOG) {
      this.#fail(call, queueFull(this.#options.maxInFlight));
    } else {
      call.link = link;
      link.send(call, now);
    }
  }

  #linkFor({ serves, digest }: EngineModel, now: number): RunnerLink | undefined {
    if (!this.#suspects.has(digest, now)) return this.#fleet.route(serves, digest);
    const spare = this.#fleet.find(serves, true);
    if (!spare) this.#board.post({ type: 'spare', serves });
    return spare;
  }

  #receive(link: RunnerLink, reply: RunnerReply, body: Buffer): void {
    const call = link.calls.get(reply.id);
    if (!call) {
      this.#questions.answer(reply);
      return;
    }
    link.calls.delete(reply.id);
    if (reply.type === 'error') {
      const error = fromWireError(reply.error);
      if (error.code === 'MODEL_RESOURCE')
        this.#board.post({ type: 'strike', digest: call.model.digest, reason: 'memory' });
      this.#fail(call, error);
      return;
    }
    if (reply.type !== 'result' && reply.type !== 'info') return;
    this.#forget(call);
    call.settle(reply, body);
  }

  #lose(link: RunnerLink): void {
    this.#questions.lose(link);
    const calls = [...link.calls.values()];
    link.calls.clear();
    for (const call of calls) call.link = undefined;
    this.#verdicts.await(link.address.generation, calls);
  }

  #afterDeath(call: Call, verdict: Verdict): void {
    if (!this.#calls.has(call.id)) return;
    const error = call.afterDeath(verdict);
    if (error) this.#fail(call, error);
    else this.#dispatch(call, monotonicMs());
  }

  #bury(verdict: Verdict): void {
    if (verdict.culprit !== undefined) this.#suspects.accuse(verdict.culprit, monotonicMs());
    this.#verdicts.record(verdict);
  }

  #hear(notice: Notice): void {
    if (notice.type === 'died') this.#bury(notice);
    if (notice.type === 'release') this.#suspects.acquit(notice.digest);
    if (notice.type !== 'state') return;
    this.#runners = notice.runners;
    this.#quarantined = byDigest(notice.quarantined);
    this.#fleet.update(notice.runners);
    const now = monotonicMs();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) {
      const since = call.waitingSince;
      this.#dispatch(call, now);
      if (this.#waiting.has(call)) call.waitingSince = since;
    }
  }

  #ask(
    link: RunnerLink,
    request: { op: 'status' | 'availability' } | { op: 'unload'; digest: string },
    patienceMs = PATIENCE_MS,
  ): Promise<RunnerReply | undefined> {
    const id = this.#nextId++;
    link.connection.send({ ...request, id });
    return this.#questions.ask(id, link, patienceMs);
  }

  #fail(call: Call, error: unknown): void {
    if (!this.#calls.has(call.id)) return;
    call.link?.withdraw(call);
    this.#forget(call);
    call.reject(error);
  }

  #forget(call: Call): void {
    this.#calls.delete(call.id);
    this.#waiting.delete(call);
    call.link = undefined;
    call.onSettled?.();
  }

  #startTimer(): void {
    this.#idleSweeps = 0;
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #sweep(): void {
    const now = monotonicMs();
    for (const call of this.#calls.values()) if (now >= call.deadline) this.#fail(call, call.expired());
    for (const call of this.#waiting) {
      if (now - call.waitingSince > this.#options.readyTimeoutMs) this.#fail(call, this.#noRunner());
    }
    this.#verdicts.sweep(now);
    this.#relief.relieve(this.#fleet, now);
    this.#idleSweeps = this.#calls.size > 0 ? 0 : this.#idleSweeps + 1;
    if (this.#idleSweeps < IDLE_SWEEPS) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #noRunner(): AppError {
    if (!this.#runners) return notReady('The runners have not started yet');
    return new AppError(
      'MODEL_UNAVAILABLE',
      'The process that runs this kind of model cannot start; the log of the server says why',
      { retryAfterSeconds: 5 },
    );
  }
}

const byDigest = (entries: readonly Quarantined[]): ReadonlyMap<string, Quarantined> =>
  new Map(entries.map((entry) => [entry.digest, entry]));
