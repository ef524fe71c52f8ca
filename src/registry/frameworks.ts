import { AppError } from '../errors.ts';

/** Framework names as clients write them, with the name that is stored. */
const canonicalNames = {
  onnx: 'onnx',
  tensorflow: 'tensorflow',
  'tfjs-graph': 'tensorflow',
  tensorflowjs: 'tensorflow',
  transformers: 'transformers',
  huggingface: 'transformers',
  ollama: 'ollama',
} as const satisfies Record<string, string>;

export type Framework = (typeof canonicalNames)[keyof typeof canonicalNames];

export const frameworks: readonly Framework[] = [...new Set(Object.values(canonicalNames))];

/** @throws AppError INVALID_INPUT when no backend of this version serves the framework. */
export function canonicalFramework(text: string): Framework {
  const given = text.toLowerCase();
  if (Object.hasOwn(canonicalNames, given)) return canonicalNames[given as keyof typeof canonicalNames];
  const message = `expected one of ${Object.keys(canonicalNames).join(', ')}, got "${text.slice(0, 64)}"`;
  throw new AppError('INVALID_INPUT', `framework: ${message}.`, { violations: [{ path: 'framework', message }] });
}
