import type { EventRow } from '../../store/rows.ts';
import type { Table } from '../../store/store.ts';

export type Recording = 'durable' | 'buffered' | 'off';

/** Writes one event for every prediction. */
export class EventRecorder {
  readonly #events: Table<EventRow>;
  readonly #onLost: (error: unknown) => void;
  readonly #writing = new Set<Promise<unknown>>();

  /** @param onLost  told when a buffered event could not be written. */
  constructor(events: Table<EventRow>, onLost: (error: unknown) => void) {
    this.#events = events;
    this.#onLost = onLost;
  }

  /** With `durable` the promise resolves once the event is committed; with the others at once. */
  async record(event: EventRow, recording: Recording = 'durable'): Promise<void> {
    if (recording === 'off') return;
    const written = this.#events.put(event);
    if (recording === 'durable') return written;
    const settled = written.catch(this.#onLost).finally(() => this.#writing.delete(settled));
    this.#writing.add(settled);
  }

  /** Waits for what is still being written. */
  async close(): Promise<void> {
    await Promise.all(this.#writing);
  }
}
