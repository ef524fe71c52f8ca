/** The protobuf wire format, written by hand so that tests can also write what no serializer would. */

const wire = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;
export type WireType = keyof typeof wire;

/** A varint as protobuf writes an int64: negative values take ten bytes. */
export function varint(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

/** The tag that opens a field. */
export const tag = (field: number, type: WireType): Buffer => varint((field << 3) | wire[type]);

export const intField = (field: number, value: number | bigint): Buffer =>
  Buffer.concat([tag(field, 'varint'), varint(value)]);

/** A length-delimited field: bytes, a string, a packed list or a message. */
export function bytesField(field: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([tag(field, 'length'), varint(bytes.byteLength), bytes]);
}

export function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, 'fixed32'), bytes]);
}
