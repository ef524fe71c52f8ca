import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, projectRoot, readDocument, section, tableRows } from './support/markdown.ts';

const range = (letter: string, numbers: readonly number[]) => numbers.map((number) => `${letter}${number}`);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

/** The abuse cases that this version answers for. */
const ids = [
  ...range('M', upTo(22)),
  ...range('P', [...upTo(12), 14, 15, 16, 17, 18, 19, 20, 22, 23, 24]),
  ...range('E', [1, 2, 3, 4, 5, 6, 8, 9, 13, 16]),
  ...range('X', [1, 2, 3, 4, 5, 6, 7, 8, 10]),
];

describe('SECURITY.md', () => {
  const rows = tableRows(section(readDocument('docs/SECURITY.md'), '## Abuse cases')).slice(1);

  it('lists every abuse case once', () => {
    expect(rows.map(([id]) => id)).toEqual(ids);
  });

  it.each(rows)('names the file that tests %s', (id, what, test) => {
    const file = codeOf(test?.slice(1)) ?? '';
    expect(what?.length).toBeGreaterThan(5);
    expect(existsSync(join(projectRoot, file))).toBe(true);
    // The name of a test begins with the id, by itself or among others.
    expect(readDocument(file)).toMatch(new RegExp(`['"\`]([A-Z]\\d+[ ,:]+)*${id}\\b`));
  });
});
