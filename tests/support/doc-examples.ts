import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

/** One `expression // result` of an `@example`. */
export interface DocExample {
  /** Path of the module whose exports the expression uses. */
  readonly file: string;
  readonly expression: string;
  readonly result: string;
}

/** The examples in the docstrings of a source. @throws Error for an example that has no `// result` */
export function examplesOf(source: string, file: string): DocExample[] {
  const blocks = source.match(/\/\*\*[\s\S]*?\*\//g) ?? [];
  return blocks.flatMap((block) => {
    const lines = block
      .slice(3, -2)
      .split('\n')
      .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd());
    const [, ...parts] = lines.join('\n').split(/^@example/m);
    return parts.flatMap((part) => {
      const own = (part.split(/^@/m)[0] ?? '')
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean);
      if (own.length === 0) throw new Error(`${file}: an @example without a line`);
      return own.map((line) => {
        const at = line.lastIndexOf(' // ');
        if (at === -1) throw new Error(`${file}: expected "expression // result", got "${line}"`);
        return { file, expression: line.slice(0, at).trim(), result: line.slice(at + 4).trim() };
      });
    });
  });
}

/** All examples below a folder. */
export function examplesBelow(root: string): DocExample[] {
  const files = readdirSync(root, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.ts'));
  return files.sort().flatMap((path) => examplesOf(readFileSync(join(root, path), 'utf8'), join(root, path)));
}

/** Runs an expression with the exports of its module in scope. */
export function readValue(expression: string, scope: Readonly<Record<string, unknown>>): unknown {
  return new Function(...Object.keys(scope), `'use strict'; return (${expression}\n);`)(...Object.values(scope));
}

/** Why a value is not the result an example states, or undefined when it is. A number counts to the digits it is given with. */
export function mismatch(value: unknown, result: string): string | undefined {
  const stated = result.replace(/^≈\s*/, '');
  const expected = readValue(stated, {});
  const same =
    typeof expected === 'number' && typeof value === 'number'
      ? isNear(value, expected, stated)
      : isDeepStrictEqual(plain(value), plain(expected));
  return same ? undefined : `expected ${stated}, got ${JSON.stringify(value) ?? String(value)}`;
}

function isNear(value: number, expected: number, stated: string): boolean {
  const decimals = /^-?\d+\.(\d+)$/.exec(stated)?.[1]?.length;
  return decimals === undefined ? Object.is(value, expected) : Math.abs(value - expected) <= 0.5 * 10 ** -decimals;
}

/** Examples write arrays and objects; typed arrays and objects without a prototype are equal to them. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as unknown as ArrayLike<unknown>);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, plain(own)]));
}
