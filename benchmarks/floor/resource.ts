import { randomUUID } from 'node:crypto';
import { Resource, tables } from 'harperdb';
import { v7 as uuid } from 'uuid';

// The least that a Harper component can do which answers a prediction and keeps its event.

interface Body {
  readonly modelName: string;
  readonly features: unknown;
}

/** A record that the product wrote for the same request. */
const event = JSON.parse(process.env.FLOOR_EVENT ?? '{}');
const events = (tables as unknown as Record<string, { put(record: object): Promise<unknown> }>).InferenceEvent;
if (!events) throw new Error('Expected the table InferenceEvent, found none');

export class Predict extends Resource {
  static override loadAsInstance = false;

  // Harper's types describe another order of arguments than the one that goes with loadAsInstance = false.
  override async post(_target: never, data: never): Promise<never> {
    const { modelName, features } = (await data) as Body;
    const id = uuid();
    await events?.put({
      ...event,
      id,
      timestamp: Date.now(),
      modelName,
      requestId: randomUUID(),
      featuresIn: JSON.stringify(features),
    });
    // Harper commits before it sends this.
    return { inferenceId: id, modelName } as never;
  }
}
