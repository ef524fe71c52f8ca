import { AppError } from '../errors.ts';

/** Framework names as clients write them, with the name that is stored. */
const canonicalNames: Readonly<Record<string, string>> = {
  onnx: 'onnx',
  tensorflow: 'tensorflow',
  'tfjs-graph': 'tensorflow',
  tensorflowjs: 'tensorflow',
};

export const frameworks = [...new Set(Object.values(canonicalNames))];

/** @throws AppError INVALID_INPUT when no backend of this version serves the framework. */
export function canonicalFramework(text: string): 'onnx' | 'tensorflow' {
  const name = Object.hasOwn(canonicalNames, text.toLowerCase()) ? canonicalNames[text.toLowerCase()] : undefined;
  if (name) return name as 'onnx' | 'tensorflow';
  const message = `expected one of ${Object.keys(canonicalNames).join(', ')}, got "${text.slice(0, 64)}"`;
  throw new AppError('INVALID_INPUT', `framework: ${message}.`, { violations: [{ path: 'framework', message }] });
}
