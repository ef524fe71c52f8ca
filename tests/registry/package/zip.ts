import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly data?: Uint8Array;
  /** Already compressed bytes, put in as they are. */
  readonly deflated?: Uint8Array;
  /** What the table of contents says of the size; the truth unless given. */
  readonly size?: number;
  readonly compress?: boolean;
  /** Unix mode with the file type, such as 0o120777 for a symbolic link. */
  readonly mode?: number;
  /** Lower half of the external attributes. */
  readonly dosAttributes?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly extra?: Buffer;
}

/** A zip file written by hand, so that it can also say what no archiver would. */
export function zip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = [];
  const contents: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name);
    const data = entry.data ?? Buffer.alloc(0);
    const packed = entry.deflated ?? (entry.compress ? deflateRawSync(data) : data);
    const method = entry.method ?? (entry.deflated || entry.compress ? 8 : 0);
    const size = entry.size ?? data.byteLength;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x800 | (entry.flags ?? 0), 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.byteLength, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.byteLength, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, packed]);
    common.writeUInt16LE(entry.extra?.byteLength ?? 0, 24);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((((entry.mode ?? 0o100644) << 16) | (entry.dosAttributes ?? 0)) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    const madeBy = Buffer.from([63, 3]);
    contents.push(
      Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, common, tail, name, entry.extra ?? Buffer.alloc(0)]),
    );
    parts.push(local);
    offset += local.byteLength;
  }
  const table = Buffer.concat(contents);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(table.byteLength, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, table, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
