import { tableModel } from '../durability/model-bytes.ts';
import type { Known } from '../fuzz/known.ts';

/** A request to `/predict` and the status that is its right answer. */
export interface Question {
  readonly kind: string;
  readonly body: unknown;
  readonly status: number;
}

/** What is asked, in turn: mostly tensors, some texts, and mistakes of each kind that a caller makes. */
export function questionsOf({ models }: Known): readonly Question[] {
  const [onnx, tensorflow, texts] = ['digits-onnx', 'digits-tensorflow', 'all-minilm-l6-v2'].map((name) =>
    models.find(({ modelName }) => modelName === name),
  );
  const good = (kind: string, body: unknown): Question => ({ kind, body, status: 200 });
  const bad = (kind: string, body: unknown, status: number): Question => ({ kind, body, status });
  const name = onnx?.modelName;
  return [
    ...Array.from({ length: 10 }, () => good('onnx tensors', onnx)),
    ...Array.from({ length: 4 }, () => good('tensorflow tensors', tensorflow)),
    good('texts', texts),
    good('raw outputs', { ...onnx, options: { raw: true, timing: true } }),
    bad('a wrong shape', { modelName: name, features: { pixels: [[1, 2, 3]] } }, 400),
    bad('a wrong name', { modelName: name, features: { surprise: [[1]] } }, 400),
    bad('a wrong field', { modelName: name, features: {}, surprise: 1 }, 400),
    bad('an unknown model', { modelName: 'nobody', features: {} }, 404),
  ];
}

/** Models that push each other out of a cache of `cache`: each question to the next one loads it and lets one go. */
export const passing = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ modelName: `passing-${index}`, table: tableModel(200, index + 1) }));
