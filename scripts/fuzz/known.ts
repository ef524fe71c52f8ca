import type { Chance } from './chance.ts';
import type { Namesake } from './json-values.ts';

/** What the server holds that requests may be about. */
export interface Known {
  readonly models: readonly KnownModel[];
  /** Recorded predictions; some were asked for by the predictor. */
  readonly eventIds: readonly string[];
  /** A model that would be taken. */
  readonly modelBytes: Buffer;
}

export interface KnownModel {
  readonly modelName: string;
  readonly features: unknown;
  /** It writes text, piece by piece where that is asked for. */
  readonly writes?: boolean;
}

/** Names that uploads use, few enough that most come again; their models may be changed and deleted. */
export const passingName = (chance: Chance): string => `passing-${chance.below(20)}`;
const passingVersion = (chance: Chance): string => `v${1 + chance.below(5)}`;

/** Values that hit something on the server, by the name of their field. */
export const namesakeOf =
  (known: Known): Namesake =>
  (name, chance) => {
    const pick: Readonly<Record<string, () => unknown>> = {
      modelName: () => chance.one(known.models).modelName,
      modelVersion: () => 'v1',
      framework: () => chance.one(['onnx', 'tensorflow']),
      stage: () => chance.one(['candidate', 'development', 'archived', 'staging', 'production']),
      modelBlob: () => known.modelBytes.toString('base64'),
      inferenceId: () => chance.one(known.eventIds),
      requestId: () => `fuzz-${chance.below(50)}`,
      outcome: () => ({ class: chance.below(10) }),
      actualOutcome: () => JSON.stringify({ class: chance.below(10) }),
      timeRange: () => '1h',
      limit: () => 1 + chance.below(20),
    };
    return Object.hasOwn(pick, name) ? pick[name]?.() : undefined;
  };

/**
 * A segment for a placeholder of a path.
 *
 * @param changes  whether the verb may change what it names; the models that predictions need stay out of it.
 */
export function segmentFor(name: string, path: string, changes: boolean, known: Known, chance: Chance): string {
  const modelName = changes ? passingName(chance) : chance.one(known.models).modelName;
  const version = changes ? passingVersion(chance) : 'v1';
  if (name === 'name') return modelName;
  if (name === 'version') return version;
  return path.startsWith('/Model') ? `${modelName}:${version}` : chance.one(known.eventIds);
}

/** A body that its route would take. */
export function fittingBody(path: string, example: unknown, known: Known, chance: Chance): unknown {
  if (path === '/predict') {
    const { writes, ...question } = chance.one(known.models);
    const options = writes
      ? { stream: chance.happens(0.6), temperature: 0.5, num_predict: chance.one([1, 16, 1e9]) }
      : { raw: chance.happens(0.5), timing: true, ...(chance.happens(0.1) && { stream: true }) };
    return {
      ...question,
      requestId: `fuzz-${chance.below(50)}`,
      ...(chance.happens(writes ? 0.8 : 0.3) && { options }),
    };
  }
  if (path === '/predict/batch') {
    const { writes: _, modelName, features } = chance.one(known.models);
    return { modelName, items: Array.from({ length: chance.one([1, 3, 20]) }, () => ({ features })) };
  }
  if (path === '/feedback') return { inferenceId: chance.one(known.eventIds), outcome: { class: chance.below(10) } };
  if (path.toLowerCase().startsWith('/model')) {
    const modelBlob = known.modelBytes.toString('base64');
    const named = { modelName: passingName(chance), modelVersion: passingVersion(chance) };
    return typeof example === 'object' && example && 'modelBlob' in example
      ? { ...example, ...named, modelBlob }
      : example;
  }
  return example;
}
