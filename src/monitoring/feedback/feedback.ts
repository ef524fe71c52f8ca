import { AppError } from '../../errors.ts';
import type { EventRow } from '../../store/rows.ts';
import type { Store } from '../../store/store.ts';
import { judge, sameOutcome } from './judge.ts';

export interface Feedback {
  readonly inferenceId?: string | undefined;
  /** In place of `inferenceId`: the newest event of that request. */
  readonly requestId?: string | undefined;
  readonly outcome?: unknown;
  readonly correct?: boolean | undefined;
  readonly feedbackTimestamp?: number | undefined;
  /** Replaces an outcome that was given before. */
  readonly supersedes?: boolean | undefined;
}

export interface FeedbackResult {
  readonly inferenceId: string;
  readonly correct: boolean | null;
  readonly correctSource: 'caller' | 'computed' | null;
}

export interface FeedbackPorts {
  readonly store: Store;
  /** How a model's predictions are judged; undefined when the model is gone. */
  readonly taskOf: (event: EventRow) => Promise<Parameters<typeof judge>[2] | undefined>;
  readonly now: () => number;
}

/** Joins what really happened to the event that predicted it. */
export class FeedbackDesk {
  readonly #ports: FeedbackPorts;

  constructor(ports: FeedbackPorts) {
    this.#ports = ports;
  }

  /**
   * Merges feedback into its event, once: the same outcome again changes nothing.
   *
   * @param ownOf  when given, only events of this login exist for the caller.
   * @throws AppError EVENT_NOT_FOUND, FEEDBACK_CONFLICT, INVALID_INPUT
   */
  async give(feedback: Feedback, ownOf?: string): Promise<FeedbackResult> {
    const id = feedback.inferenceId ?? (await this.#newestOf(feedback.requestId, ownOf));
    return this.#ports.store.withLock(`event:${id}`, async () => {
      const event = await this.#ports.store.events.get(id);
      if (!event || (ownOf !== undefined && event.caller !== ownOf))
        throw notFound(`inferenceId "${id.slice(0, 128)}"`);
      return this.#merge(event, feedback);
    });
  }

  async #merge(event: EventRow, feedback: Feedback): Promise<FeedbackResult> {
    const before: unknown = event.actualOutcome == null ? undefined : JSON.parse(event.actualOutcome);
    const { outcome = before, correct, supersedes = false } = feedback;
    const knownVerdict = event.correct ?? undefined;
    if (!supersedes) {
      const otherOutcome = before !== undefined && !sameOutcome(before, outcome);
      const otherVerdict = knownVerdict !== undefined && correct !== undefined && correct !== knownVerdict;
      if (otherOutcome || otherVerdict) throw conflict(event.id);
      const addsOutcome = before === undefined && outcome !== undefined;
      const addsVerdict = knownVerdict === undefined && correct !== undefined;
      if (!addsOutcome && !addsVerdict) return resultOf(event);
    }
    // What the caller said of the prediction holds until a caller says otherwise.
    const said = event.correctSource === 'caller' && !supersedes ? knownVerdict : undefined;
    const verdict = await this.#verdict(event, outcome, correct ?? said);
    const part = {
      ...verdict,
      actualOutcome: outcome === undefined ? null : JSON.stringify(outcome),
      feedbackTimestamp: feedback.feedbackTimestamp ?? this.#ports.now(),
    };
    await this.#ports.store.events.patch(event.id, part);
    return { inferenceId: event.id, ...verdict };
  }

  async #verdict(event: EventRow, outcome: unknown, correct: boolean | undefined) {
    if (correct !== undefined) return { correct, correctSource: 'caller' as const };
    const task = await this.#ports.taskOf(event);
    const computed = task && event.prediction != null ? judge(JSON.parse(event.prediction), outcome, task) : undefined;
    return computed === undefined
      ? { correct: null, correctSource: null }
      : { correct: computed, correctSource: 'computed' as const };
  }

  async #newestOf(requestId: string | undefined, ownOf: string | undefined): Promise<string> {
    if (requestId === undefined) {
      const message = 'expected inferenceId or requestId';
      throw new AppError('INVALID_INPUT', `${message}, got neither.`, {
        violations: [{ path: 'inferenceId', message }],
      });
    }
    let newest: EventRow | undefined;
    const rows = this.#ports.store.events.query({
      conditions: [{ attribute: 'requestId', comparator: 'equals', value: requestId }],
    });
    for await (const row of rows) {
      const visible = ownOf === undefined || row.caller === ownOf;
      if (
        visible &&
        (!newest || row.timestamp > newest.timestamp || (row.timestamp === newest.timestamp && row.id > newest.id))
      )
        newest = row;
    }
    if (!newest) throw notFound(`requestId "${requestId.slice(0, 128)}"`);
    return newest.id;
  }
}

const resultOf = ({ id, correct, correctSource }: EventRow): FeedbackResult => ({
  inferenceId: id,
  correct: correct ?? null,
  correctSource: correctSource ?? null,
});

const notFound = (what: string) =>
  new AppError('EVENT_NOT_FOUND', `No event has the ${what}. Use the inferenceId of a /predict reply.`);

const conflict = (id: string) =>
  new AppError(
    'FEEDBACK_CONFLICT',
    `Event ${id} has another outcome or verdict already. A trainer may replace it with "supersedes": true.`,
  );
