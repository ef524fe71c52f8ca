import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/errors.ts';
import {
  functionProto,
  graph,
  node,
  onnxModel,
  sequenceType,
  sparseTensor,
  tensor,
  tensorParts,
  tensorType,
  trainingInfo,
  typedValue,
  value,
} from '../../support/onnx-writer.ts';
import { inspectBytes } from './gate.ts';

const x = value('x', 'float32', ['batch', 4]);
const y = value('y', 'float32', ['batch', 4]);
const k = tensor('k', 'float32', [4], [1, 2, 3, 4]);
const add = node('Add', ['x', 'k'], ['y']);
const branch = graph({
  nodes: [node('Constant', [], ['b'], { value: { t: k } })],
  outputs: [value('b', 'float32', [4])],
});
const index = tensor('', 'int64', [1], [2]);

/** Valid models that between them have every kind of message. */
const seeds = [
  onnxModel({ inputs: [x], outputs: [y], initializers: [k], nodes: [add] }),
  onnxModel({
    inputs: [x, value('c', 'bool', [])],
    outputs: [y],
    sparseInitializers: [sparseTensor([4], tensor('k', 'float32', [1], [1]), index)],
    nodes: [node('If', ['c'], ['z'], { then_branch: { g: branch }, else_branch: { g: branch } }), add],
  }),
  onnxModel({
    domains: { own: 1 },
    inputs: [x],
    outputs: [y],
    functions: [
      functionProto({
        name: 'F',
        domain: 'own',
        inputs: ['a'],
        outputs: ['b'],
        nodes: [node('Relu', ['a'], ['b'])],
        defaults: [],
      }),
    ],
    trainingInfo: [trainingInfo(branch)],
    nodes: [
      node(
        'F',
        ['x'],
        ['y'],
        {
          ints: { ints: [1, -2] },
          floats: { floats: [1] },
          many: { tensors: [k, index] },
          sparse: { sparses: [sparseTensor([4], k, index)] },
        },
        'own',
      ),
    ],
  }),
  onnxModel({
    inputs: [typedValue('s', sequenceType(tensorType('float32', [null])))],
    outputs: [value('y', 'int64')],
    initializers: [
      tensorParts({ name: 'i', type: 'int32', dims: [3], int32Data: [1, -1, 300] }),
      tensor('t', 'string', [2], ['a', 'b']),
    ],
    nodes: [node('SequenceLength', ['s'], ['y'])],
  }),
  onnxModel({
    inputs: [x],
    outputs: [y],
    initializers: [
      tensorParts({ name: 'k', type: 'float32', dims: [4], external: { location: 'k.bin' }, location: 1 }),
    ],
    nodes: [add],
  }),
];

/** Byte-level damage: changed, removed, repeated, moved and inserted parts. */
const mutation = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    at: fc.nat(),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(20) }),
  fc.record({ kind: fc.constant('copy' as const), at: fc.nat(), from: fc.nat(), length: fc.nat(60) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
);

function mutate(bytes: Buffer, change: typeof mutation extends fc.Arbitrary<infer T> ? T : never): Buffer {
  const at = change.at % (bytes.byteLength + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  if (change.kind === 'set') return Buffer.concat([before, Buffer.from([change.byte]), after.subarray(1)]);
  if (change.kind === 'cut') return Buffer.concat([before, after.subarray(change.length)]);
  if (change.kind === 'insert') return Buffer.concat([before, change.bytes, after]);
  if (change.kind === 'end') return before;
  const from = change.from % (bytes.byteLength + 1);
  return Buffer.concat([before, bytes.subarray(from, from + change.length), after]);
}

/** Answers the code of a refusal, or `passed`; anything else that is thrown fails the test, as do 100 ms. */
function judge(bytes: Buffer): string {
  // A busy machine may stop us for that long once; a hang stays one.
  for (let attempt = 1; ; attempt += 1) {
    const start = performance.now();
    const answer = verdict(bytes);
    if (performance.now() - start < 100) return answer;
    if (attempt === 5) throw new Error(`took more than 100 ms five times: ${bytes.toString('base64')}`);
  }
}

function verdict(bytes: Buffer): string {
  try {
    inspectBytes(bytes);
    return 'passed';
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('fuzz', () => {
  test('the seeds are judged as they should be', () => {
    expect(seeds.map(judge)).toEqual(['passed', 'passed', 'passed', 'MODEL_DTYPE', 'MODEL_EXTERNAL_DATA']);
  });

  test('damaged models give refusals only, and quickly', () => {
    const codes = new Set<string>();
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(mutation, { minLength: 1, maxLength: 6 }), (seed, changes) => {
        codes.add(judge(changes.reduce(mutate, seed)));
      }),
      { numRuns: 20_000, seed: 4729 },
    );
    // The damage reaches every check, not only the outermost.
    for (const code of [
      'passed',
      'MODEL_MALFORMED',
      'MODEL_SHAPE',
      'MODEL_DTYPE',
      'MODEL_EXTERNAL_DATA',
      'MODEL_OP_UNSUPPORTED',
    ]) {
      expect(codes).toContain(code);
    }
  });

  test('any bytes give refusals only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(judge(Buffer.from(bytes))).not.toBe('passed');
      }),
      { numRuns: 5_000, seed: 4729 },
    );
  });
});
