import { describe, expect, it } from 'vitest';
import { canonicalFramework, frameworks } from '../../src/registry/frameworks.ts';
import { canonicalStage } from '../../src/registry/stages.ts';
import { codeOf } from '../support/codes.ts';

describe('frameworks', () => {
  it.each([
    ['onnx', 'onnx'],
    ['ONNX', 'onnx'],
    ['tensorflow', 'tensorflow'],
    ['TensorFlow', 'tensorflow'],
    ['tfjs-graph', 'tensorflow'],
    ['tensorflowjs', 'tensorflow'],
    ['transformers', 'transformers'],
    ['huggingface', 'transformers'],
    ['ollama', 'ollama'],
  ])('%s is %s', (given, stored) => expect(canonicalFramework(given)).toBe(stored));

  it.each(['', 'pytorch', 'onnx ', 'constructor', '__proto__', 'hasOwnProperty'])('%j is refused', (given) =>
    expect(codeOf(() => canonicalFramework(given))).toBe('INVALID_INPUT'),
  );

  it('are named once each', () => expect(frameworks).toEqual(['onnx', 'tensorflow', 'transformers', 'ollama']));
});

describe('stages', () => {
  it.each([
    ['development', 'candidate'],
    ['candidate', 'candidate'],
    ['staging', 'staging'],
    ['production', 'production'],
    ['archived', 'archived'],
  ])('%s is %s', (given, stored) => expect(canonicalStage(given)).toBe(stored));

  it.each(['', 'Production', 'live', 'toString', '__proto__'])('%j is refused', (given) =>
    expect(codeOf(() => canonicalStage(given))).toBe('INVALID_INPUT'),
  );
});
