import { AppError } from '../../errors.ts';

/** Names that other products of this family use, with the canonical name each stands for. */
export const aliases: Readonly<Record<string, string>> = {
  modelId: 'modelName',
  version: 'modelVersion',
  inputs: 'features',
  actualOutcome: 'outcome',
};

/**
 * Renames aliases at the top of an object to their canonical names.
 *
 * @param only  the canonical names that the route knows; an alias of any other name is left as it is.
 * @returns     the renamed object, and which aliases were used.
 * @throws      AppError INVALID_INPUT when an alias and its canonical name are both given.
 */
export function resolveAliases(value: Readonly<Record<string, unknown>>, only: ReadonlySet<string>) {
  const used: Record<string, string> = {};
  let renamed: Record<string, unknown> | undefined;
  for (const [alias, canonical] of Object.entries(aliases)) {
    if (!Object.hasOwn(value, alias) || only.has(alias) || !only.has(canonical)) continue;
    if (Object.hasOwn(value, canonical)) {
      const message = `is the same as ${canonical}; expected one of them, got both`;
      throw new AppError('INVALID_INPUT', `${alias} ${message}.`, { violations: [{ path: alias, message }] });
    }
    renamed ??= { ...value };
    renamed[canonical] = value[alias];
    delete renamed[alias];
    used[alias] = canonical;
  }
  return { value: renamed ?? value, used };
}

/** A reply that echoes the aliases its request used, beside the canonical names. */
export function echoAliases(body: unknown, used: Readonly<Record<string, string>>): unknown {
  const names = Object.entries(used);
  if (names.length === 0 || typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const fields = body as Readonly<Record<string, unknown>>;
  const echoed = names.filter(([, canonical]) => Object.hasOwn(fields, canonical));
  return { ...fields, ...Object.fromEntries(echoed.map(([alias, canonical]) => [alias, fields[canonical]])) };
}
