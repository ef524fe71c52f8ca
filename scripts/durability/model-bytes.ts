/**
 * ONNX files of any size whose every weight can be asked for: a table of float32 rows and one `Gather`, so that
 * `row` int64 `[n]` → `values` float32 `[n, 64]`. Written byte by byte, because building needs no ONNX library.
 */
export interface TableModel {
  readonly bytes: Buffer;
  readonly rows: number;
  /** The values of one row, as the model must answer them. */
  readonly row: (index: number) => readonly number[];
}

export const columns = 64;
const headerFields = { irVersion: 1, producer: 2, graph: 7, opset: 8 } as const;
const [float32, int64] = [1, 7] as const;

/** @param seed  makes the weights: small whole numbers, so that JSON carries them exactly. */
export function tableModel(rows: number, seed: number): TableModel {
  const weights = new Float32Array(rows * columns);
  // Knuth's multiplicative hash: millions of them must not take the time that the load should have.
  for (let index = 0; index < weights.length; index++) weights[index] = Math.imul(index ^ seed, 0x9e3779b1) >>> 12;
  const table = message(
    [1, rows],
    [1, columns],
    [2, float32],
    [8, 'table'],
    [9, Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength)],
  );
  const graph = message(
    [1, message([1, 'table'], [1, 'row'], [2, 'values'], [4, 'Gather'])],
    [2, 'table'],
    [5, table],
    [11, message([1, 'row'], [2, tensorType(int64, ['n'])])],
    [12, message([1, 'values'], [2, tensorType(float32, ['n', columns])])],
  );
  const bytes = message(
    [headerFields.irVersion, 8],
    [headerFields.producer, `check-durability ${seed}`],
    [headerFields.graph, graph],
    [headerFields.opset, message([2, 17])],
  );
  return { bytes, rows, row: (index) => [...weights.subarray(index * columns, (index + 1) * columns)] };
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const tensorType = (type: number, shape: readonly (number | string)[]): Buffer => {
  const dims = shape.map((size): Field => [1, message(typeof size === 'string' ? [2, size] : [1, size])]);
  return message([1, message([1, type], [2, message(...dims)])]);
};

type Field = readonly [number: number, value: number | string | Uint8Array];

/** A protobuf message of varint and length-delimited fields. */
function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number') return [varint(number << 3), varint(value)];
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      return [varint((number << 3) | 2), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
