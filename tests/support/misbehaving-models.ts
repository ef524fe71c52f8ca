import { graph, node, onnxModel, tensor, value } from './onnx-writer.ts';

/**
 * ONNX models that pass the gate and load, and then misbehave when the right input comes. Each takes a `salt`:
 * a quarantine knows a model by its digest, so another salt makes another model.
 */

const salted = (salt: string) => tensor(`salt ${salt}`, 'float32', [1], [0]);

/** `x` float32 `[batch, 2]` → `y` = x + 1. */
export const wellBehaved = (salt: string): Buffer =>
  onnxModel({
    inputs: [value('x', 'float32', ['batch', 2])],
    outputs: [value('y', 'float32', ['batch', 2])],
    initializers: [tensor('one', 'float32', [2], [1, 1]), salted(salt)],
    nodes: [node('Add', ['x', 'one'], ['y'])],
  });

/** `x` float32 `[2]` goes round a loop 2^62 times: at a nanosecond a turn, 146 years. */
export const neverReturns = (salt: string): Buffer =>
  onnxModel({
    inputs: [value('x', 'float32', [2])],
    outputs: [value('y', 'float32', [2])],
    initializers: [tensor('turns', 'int64', [], [2n ** 62n]), tensor('go on', 'bool', [], [1]), salted(salt)],
    nodes: [
      node('Loop', ['turns', 'go on', 'x'], ['y'], {
        body: {
          g: graph({
            name: 'body',
            inputs: [value('turn', 'int64', []), value('again', 'bool', []), value('before', 'float32', [2])],
            outputs: [value('still', 'bool', []), value('after', 'float32', [2])],
            nodes: [node('Identity', ['again'], ['still']), node('Neg', ['before'], ['after'])],
          }),
        },
      }),
    ],
  });

/** `size` int64 `[2]` → `y` float32 of that size: `[100000, 100000]` is 40 GB. */
export const asksForMemory = (salt: string): Buffer =>
  onnxModel({
    inputs: [value('size', 'int64', [2])],
    outputs: [value('y', 'float32', ['rows', 'columns'])],
    initializers: [salted(salt)],
    nodes: [node('ConstantOfShape', ['size'], ['y'], { value: { t: tensor('', 'float32', [1], [1]) } })],
  });

/**
 * `a` / `b`, both int32 `[n]`. ONNX Runtime refuses to divide by zero but not the smallest integer by -1, whose
 * quotient no int32 holds: on x86 the processor then raises SIGFPE, and the process ends.
 */
export const crashes = (salt: string): Buffer =>
  onnxModel({
    inputs: [value('a', 'int32', ['n']), value('b', 'int32', ['n'])],
    outputs: [value('y', 'int32', ['n'])],
    initializers: [salted(salt)],
    nodes: [node('Div', ['a', 'b'], ['y'])],
  });

/** The same division between constants: ONNX Runtime computes it while it loads. */
export const crashesOnLoad = (salt: string): Buffer =>
  onnxModel({
    inputs: [value('x', 'int32', [1])],
    outputs: [value('y', 'int32', [1])],
    initializers: [tensor('a', 'int32', [1], [-(2 ** 31)]), tensor('b', 'int32', [1], [-1]), salted(salt)],
    nodes: [node('Div', ['a', 'b'], ['quotient']), node('Add', ['x', 'quotient'], ['y'])],
  });

export const overflow = { a: [-(2 ** 31)], b: [-1] } as const;
