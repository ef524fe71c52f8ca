import type { Chance } from './chance.ts';
import { mutatedText } from './json-texts.ts';
import { mutatedValue } from './json-values.ts';
import { oddTexts } from './odd-values.ts';

interface TypedBody {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Lines of JSON, some of them mutated, some no JSON, with the ends of lines that programs write. */
export function ndjsonBody(fitting: () => unknown, chance: Chance): TypedBody {
  const lines = Array.from({ length: chance.one([0, 1, 2, 5, 40]) }, (): Buffer => {
    const value = fitting();
    if (chance.happens(0.4)) return Buffer.from(JSON.stringify(value) ?? '');
    if (chance.happens(0.5)) return Buffer.from(JSON.stringify(mutatedValue(value, chance)) ?? '');
    return chance.happens(0.7)
      ? mutatedText(JSON.stringify(value) ?? '', chance)
      : Buffer.from(chance.one(['', ' ', 'null', '[', '"', 'x'.repeat(100_000)]));
  });
  const end = Buffer.from(chance.one(['\n', '\n', '\r\n', '\n\n', '\r']));
  const bytes = Buffer.concat(lines.flatMap((line) => [line, end]));
  return { type: 'application/x-ndjson', bytes: chance.happens(0.8) ? bytes : bytes.subarray(0, -1) };
}

const headers: readonly string[] = [
  'inferenceId,outcome,correct',
  'inferenceId,outcome',
  'outcome,inferenceId',
  '"inferenceId","outcome"',
  '\ufeffinferenceId,outcome',
  'inferenceId,inferenceId,outcome',
  'requestId,outcome',
  'inferenceId',
  'a,b,c',
  '',
  `${'x,'.repeat(2_000)}inferenceId,outcome`,
];

/** Rows below a header, with cells that break spreadsheets, quotes that never end, and rows of other lengths. */
export function csvBody(ids: readonly string[], chance: Chance): TypedBody {
  const cell = (text: string) =>
    chance.happens(0.5) ? `"${text.replaceAll('"', chance.happens(0.9) ? '""' : '"')}"` : text;
  const row = () => {
    const outcome = chance.one(['{"class":3}', '3', 'true', 'positive', '', '=cmd|calc', chance.one(oddTexts)]);
    const cells = [chance.one(ids), cell(outcome), chance.one(['true', 'false', '', '1', 'x'])];
    return cells.slice(0, chance.one([1, 2, 2, 3, 3, 3])).join(chance.happens(0.95) ? ',' : ';');
  };
  const header = chance.happens(0.7) ? headers[chance.below(3)] : chance.one(headers);
  const end = chance.one(['\n', '\n', '\r\n', '\r']);
  const text = [header, ...Array.from({ length: chance.one([0, 1, 3, 30]) }, row)].join(end);
  const bytes = Buffer.from(text + (chance.happens(0.5) ? end : ''));
  return {
    type: chance.one(['text/csv', 'text/csv; charset=utf-8', 'text/csv; header=present']),
    bytes: chance.happens(0.9) ? bytes : mutatedText(text, chance),
  };
}
