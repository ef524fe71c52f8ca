import {
  bytesPerElement,
  type Dtype,
  elementCount,
  type Tensor,
  type TensorData,
  type TensorMap,
  typedArrayOf,
} from '../../lib/tensor.ts';

/** A tensor in a frame's header; its numbers are the next section of the frame, strings stand here. */
export interface WireTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly strings?: readonly string[];
}

/**
 * Splits tensors into headers and raw sections. The sections are views of the tensors' own memory, in the byte
 * order of this machine: both ends of the socket are on it.
 */
export function toWire(tensors: TensorMap): { tensors: WireTensor[]; sections: Uint8Array[] } {
  const sections: Uint8Array[] = [];
  const headers = Object.entries(tensors).map(([name, { dtype, shape, data }]): WireTensor => {
    if (dtype === 'string') return { name, dtype, shape, strings: data as readonly string[] };
    const { buffer, byteOffset, byteLength } = data as Uint8Array;
    sections.push(new Uint8Array(buffer, byteOffset, byteLength));
    return { name, dtype, shape };
  });
  return { tensors: headers, sections };
}

/**
 * Puts tensors together again. Their data are views of `body` wherever it lies aligned in memory.
 *
 * @throws RangeError when `body` is shorter than the shapes say
 */
export function fromWire(headers: readonly WireTensor[], body: Buffer): TensorMap {
  let offset = 0;
  return Object.fromEntries(
    headers.map(({ name, dtype, shape, strings }): [string, Tensor] => {
      if (dtype === 'string') return [name, { dtype, shape, data: strings ?? [] }];
      const count = elementCount(shape);
      const bytes = count * bytesPerElement(dtype);
      if (offset + bytes > body.length) throw new RangeError(`the tensor ${name} is longer than its frame`);
      const data = viewOf(dtype, body.subarray(offset, offset + bytes), count);
      offset += (bytes + 7) & ~7;
      return [name, { dtype, shape, data }];
    }),
  );
}

function viewOf(dtype: Exclude<Dtype, 'string'>, bytes: Buffer, count: number): TensorData {
  const ArrayClass = typedArrayOf(dtype);
  if (bytes.byteOffset % ArrayClass.BYTES_PER_ELEMENT === 0)
    return new ArrayClass(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  const copy = new Uint8Array(bytes);
  return new ArrayClass(copy.buffer, 0, count);
}
