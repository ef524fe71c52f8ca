import type { Chance } from './chance.ts';
import { oddValue } from './odd-values.ts';
import type { JsonSchema } from './operations.ts';

/** A value for a field whose name says more than its schema; undefined when the name says nothing. */
export type Namesake = (name: string, chance: Chance) => unknown;

/** A value that fits a schema, as far as the schema says. */
export function fittingValue(schema: JsonSchema, chance: Chance, namesake: Namesake, depth = 0): unknown {
  if (schema.enum) return chance.one(schema.enum);
  if (schema.anyOf) return fittingValue(chance.one(schema.anyOf), chance, namesake, depth);
  switch (schema.type) {
    case 'object':
      return fittingObject(schema, chance, namesake, depth);
    case 'array':
      return Array.from({ length: chance.below(4) }, () =>
        fittingValue(schema.items ?? {}, chance, namesake, depth + 1),
      );
    case 'string':
      return chance.one(['x', 'some text', 'v1', '1700000000000', '1h']);
    case 'integer':
    case 'number':
      return (schema.minimum ?? 0) + chance.below(Math.min(schema.maximum ?? 1000, 1e12) - (schema.minimum ?? 0) + 1);
    case 'boolean':
      return chance.happens(0.5);
    default:
      return depth > 3 ? 1 : oddValue(chance);
  }
}

function fittingObject(schema: JsonSchema, chance: Chance, namesake: Namesake, depth: number) {
  const entries = Object.entries(schema.properties ?? { anything: {} })
    .filter(([name]) => schema.required?.includes(name) || chance.happens(0.4))
    .map(([name, own]) => [name, namesake(name, chance) ?? fittingValue(own, chance, namesake, depth + 1)]);
  return Object.fromEntries(entries);
}

/** The value with one thing in it changed: taken out, put in, replaced, renamed, repeated or wrapped. */
export function mutatedValue(value: unknown, chance: Chance): unknown {
  if (typeof value !== 'object' || value === null || chance.happens(0.1)) return oddValue(chance);
  const keys = Object.keys(value);
  if (keys.length === 0) return Array.isArray(value) ? [oddValue(chance)] : { surprise: oddValue(chance) };
  const key = chance.one(keys);
  if (Array.isArray(value)) {
    const index = Number(key);
    const changed: readonly (() => unknown[])[] = [
      () => value.toSpliced(index, 1),
      () => value.toSpliced(index, 0, oddValue(chance)),
      () => value.with(index, mutatedValue(value[index], chance)),
      () => [value],
      () => [...value, ...value],
    ];
    return chance.one(changed)();
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const { [key]: own, ...rest } = fields;
  const changed: readonly (() => unknown)[] = [
    () => rest,
    () => ({ ...fields, [String(oddValue(chance)).slice(0, 200)]: oddValue(chance) }),
    () => ({ ...fields, [key]: mutatedValue(own, chance) }),
    () => ({ ...fields, [key]: mutatedValue(own, chance) }),
    () => ({ ...rest, [`${key}s`]: own }),
    () => ({ ...fields, [key]: [own] }),
  ];
  return chance.one(changed)();
}
