import type { onnx as Onnx } from 'onnx-proto';
import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { readTensorProto } from '../../../scripts/conformance/tensor-proto.ts';

const { onnx } = onnxProto;
const bytesOf = (proto: Onnx.ITensorProto) => onnx.TensorProto.encode(onnx.TensorProto.fromObject(proto)).finish();

describe('readTensorProto', () => {
  it('reads raw bytes and the repeated field of each type', () => {
    const raw = new Uint8Array(Float32Array.of(1.5, -2).buffer);
    expect(readTensorProto(bytesOf({ dims: [2, 1], dataType: 1, rawData: raw }))).toEqual({
      dtype: 'float32',
      shape: [2, 1],
      data: Float32Array.of(1.5, -2),
    });
    const cases: [Onnx.ITensorProto, unknown][] = [
      [{ dims: [1], dataType: 1, floatData: [0.5] }, Float32Array.of(0.5)],
      [{ dims: [1], dataType: 11, doubleData: [0.1] }, Float64Array.of(0.1)],
      [{ dims: [2], dataType: 2, int32Data: [0, 255] }, Uint8Array.of(0, 255)],
      [{ dims: [1], dataType: 3, int32Data: [-128] }, Int8Array.of(-128)],
      [{ dims: [1], dataType: 10, int32Data: [0x3c00] }, Uint16Array.of(0x3c00)],
      [{ dims: [1], dataType: 9, int32Data: [1] }, Uint8Array.of(1)],
      [{ dims: [1], dataType: 12, uint64Data: [4294967295] }, Uint32Array.of(4294967295)],
      [{ dims: [], dataType: 8, stringData: [Buffer.from('東')] }, ['東']],
      [{ dims: [0], dataType: 1 }, new Float32Array(0)],
    ];
    for (const [proto, data] of cases) expect(readTensorProto(bytesOf(proto)).data).toEqual(data);
  });

  it('keeps 64-bit integers exact', () => {
    const raw = new Uint8Array(BigInt64Array.of(-9007199254740993n).buffer);
    expect(readTensorProto(bytesOf({ dims: [1], dataType: 7, rawData: raw })).data).toEqual(
      BigInt64Array.of(-9007199254740993n),
    );
  });

  it('refuses element types without a dtype and data that does not fit', () => {
    expect(() => readTensorProto(bytesOf({ dims: [1], dataType: 16, int32Data: [1] }))).toThrow(/bfloat16/);
    expect(() => readTensorProto(bytesOf({ dims: [3], dataType: 1, floatData: [1] }))).toThrow(/expected 3 elements/);
  });
});
