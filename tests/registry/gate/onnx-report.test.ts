import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { ByteWindow } from '../../../src/registry/gate/onnx/byte-window.ts';
import { inspectOnnx } from '../../../src/registry/gate/onnx/inspect-onnx.ts';
import { defaultLimits } from '../../../src/registry/gate/report.ts';
import { functionProto, graph, node, onnxModel, tensor, value } from '../../support/onnx-writer.ts';
import { bytesField, tag, varint } from '../../support/protobuf-writer.ts';
import { inspectFile } from './gate.ts';

const x = value('x', 'float32', ['batch', 4]);
const y = value('y', 'float32', ['batch', 4]);
const k = tensor('k', 'float32', [4], [1, 2, 3, 4]);
const add = node('Add', ['x', 'k'], ['y']);

describe('what the gate reads of an ONNX model', () => {
  test('names, dtypes, shapes and the names of dimensions', async () => {
    const report = await inspectFile(
      onnxModel({
        opset: 17,
        irVersion: 8,
        inputs: [x, value('n', 'int64', []), value('free', 'string', [null, -1, 3])],
        outputs: [y],
        initializers: [k],
        nodes: [add],
      }),
    );
    expect(report).toEqual({
      opset: 17,
      irVersion: 8,
      nodeCount: 1,
      inputs: [
        { name: 'x', dtype: 'float32', shape: [-1, 4], dimNames: ['batch', null] },
        { name: 'n', dtype: 'int64', shape: [] },
        { name: 'free', dtype: 'string', shape: [-1, -1, 3] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 4], dimNames: ['batch', null] }],
    });
  });

  test('a missing shape is not a scalar', async () => {
    const { outputs } = await inspectFile(
      onnxModel({ inputs: [x], outputs: [value('y', 'float32')], initializers: [k], nodes: [add] }),
    );
    expect(outputs).toEqual([{ name: 'y', dtype: 'float32', shape: [], anyShape: true }]);
  });

  test('an input with an initializer is optional, or a constant in old models', async () => {
    const parts = { inputs: [x, value('k', 'float32', [4])], outputs: [y], initializers: [k], nodes: [add] };
    const { inputs } = await inspectFile(onnxModel(parts));
    expect(inputs[1]).toEqual({ name: 'k', dtype: 'float32', shape: [4], optional: true });
    const old = await inspectFile(onnxModel({ ...parts, irVersion: 3, opset: 8 }));
    expect(old.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  test('a graph in two pieces is one, as protobuf merges it', async () => {
    const report = await inspectFile(
      onnxModel({ inputs: [x], nodes: [add], tail: bytesField(7, graph({ outputs: [y], initializers: [k] })) }),
    );
    expect(report).toMatchObject({ inputs: [{ name: 'x' }], outputs: [{ name: 'y' }], nodeCount: 1 });
  });

  test('2 GB cost a few windows', () => {
    // A tensor of 2 GB - 1 MB whose bytes exist only as a length.
    const elements = 2 ** 29 - 2 ** 18;
    const head = Buffer.concat([
      tensor('big', 'float32', [0], []).subarray(2),
      varint((1 << 3) | 0),
      varint(elements),
      tag(9, 'length'),
      varint(elements * 4),
    ]);
    const rest = graph({ inputs: [x], outputs: [y], nodes: [node('Add', ['x', 'big'], ['y'])] });
    const graphBytes = head.byteLength + elements * 4;
    const before = Buffer.concat([
      onnxModel({}).subarray(0, 2),
      bytesField(8, Buffer.from([0x10, 21])),
      bytesField(7, rest),
    ]);
    const graphTag = Buffer.concat([
      tag(7, 'length'),
      varint(graphBytes + 1 + varint(graphBytes).byteLength),
      tag(5, 'length'),
      varint(graphBytes),
    ]);
    const start = Buffer.concat([before, graphTag, head]);
    const size = start.byteLength + elements * 4;
    let bytesRead = 0;
    const window = new ByteWindow(size, (target, position) => {
      bytesRead += target.byteLength;
      target.fill(0);
      if (position < start.byteLength) target.set(start.subarray(position, position + target.byteLength));
      return Math.min(target.byteLength, size - position);
    });
    const report = inspectOnnx(window, { ...defaultLimits, maxFileBytes: 2 ** 31 });
    expect(report.outputs[0]?.name).toBe('y');
    expect(size).toBeGreaterThan(2 ** 31 - 2 ** 21);
    expect(bytesRead).toBeLessThan(2 ** 20);
  });

  test('more than protobuf can hold is too large', () => {
    const window = new ByteWindow(2 ** 31, () => 0);
    expect(() => inspectOnnx(window, defaultLimits)).toThrow(expect.objectContaining({ code: 'MODEL_TOO_LARGE' }));
  });
});

describe('models of the test writer', () => {
  test('ONNX Runtime runs them', async () => {
    const bytes = onnxModel({
      inputs: [x],
      outputs: [y],
      initializers: [k],
      domains: { own: 1 },
      functions: [
        functionProto({
          name: 'AddTwice',
          domain: 'own',
          inputs: ['a', 'b'],
          outputs: ['d'],
          nodes: [node('Add', ['a', 'b'], ['c']), node('Add', ['c', 'b'], ['d'])],
        }),
      ],
      nodes: [node('AddTwice', ['x', 'k'], ['y'], {}, 'own')],
    });
    const session = await InferenceSession.create(bytes);
    const { y: result } = await session.run({ x: new Tensor('float32', [0, 0, 0, 0, 1, 1, 1, 1], [2, 4]) });
    expect(Array.from(result?.data as Float32Array)).toEqual([2, 4, 6, 8, 3, 5, 7, 9]);
    await session.release();
  });
});
