import type { AppError } from '../../../errors.ts';
import { refusal } from '../refusal.ts';
import type { GateLimits } from '../report.ts';
import type { ByteWindow } from './byte-window.ts';
import type { Trail } from './trail.ts';

/** Protobuf wire types; 3 and 4 (groups) are refused everywhere. */
export const wire = { varint: 0, fixed64: 1, length: 2, fixed32: 5 } as const;
export type WireType = (typeof wire)[keyof typeof wire];

const wireNames = ['varint', '64-bit', 'length-delimited', 'group start', 'group end', '32-bit', '6', '7'] as const;

/**
 * The wire type that each known field of a message must have. Fields left out may have any: unknown ones, and
 * lists of numbers, which may come packed or one by one.
 */
export type MessageWire = readonly (WireType | undefined)[];

export function messageWire(fields: Readonly<Record<number, keyof typeof wire>>): MessageWire {
  const table: (WireType | undefined)[] = [];
  for (const [field, name] of Object.entries(fields)) table[Number(field)] = wire[name];
  // An array with holes is slow to read.
  return Array.from(table, (type) => type);
}

/** What a string takes beside its bytes, roughly. */
const stringOverheadBytes = 32;

/**
 * Reads protobuf field by field. `next` steps to a field; the caller then takes its value with the method of its
 * wire type, or `skip`s it. Positions never run past the end of the message without `next` noticing.
 */
export class WireReader {
  /** Number and wire type of the field that `next` stepped to. */
  field = 0;
  type = 0;
  position = 0;
  readonly bytes: ByteWindow;
  readonly #trail: Trail;
  readonly #limits: GateLimits;
  #fieldsLeft: number;
  #keptBytes = 0;
  /** The last varint's lower and upper 32 bits. */
  #low = 0;
  #high = 0;

  constructor(bytes: ByteWindow, trail: Trail, limits: GateLimits) {
    this.bytes = bytes;
    this.#trail = trail;
    this.#limits = limits;
    this.#fieldsLeft = limits.maxFields;
  }

  /** Steps to the next field of a message that ends at `end`; false when there is none. */
  next(end: number, expected: MessageWire): boolean {
    if (this.position >= end) {
      if (this.position > end)
        throw this.malformed('expected the value to end inside its message, it runs past the end');
      return false;
    }
    if (--this.#fieldsLeft < 0) {
      throw this.tooComplex(`expected at most ${this.#limits.maxFields} protobuf fields`);
    }
    this.#varint();
    const tag = this.#low >>> 0;
    this.field = tag >>> 3;
    this.type = tag & 7;
    if (this.#high !== 0 || this.field === 0)
      throw this.malformed('expected a protobuf field, got bytes that are none');
    const type = this.type;
    if (type === 3 || type === 4 || type > 5)
      throw this.malformed(`field ${this.field} has wire type ${wireNames[type]}`);
    const known = expected[this.field];
    if (known !== undefined && known !== type) {
      throw this.malformed(`field ${this.field} should be ${wireNames[known]}, its wire type is ${wireNames[type]}`);
    }
    return true;
  }

  /** An int64; exact below 2^53 in size, near enough above. */
  int64(): number {
    this.#varint();
    return this.#high * 2 ** 32 + (this.#low >>> 0);
  }

  /** An int32 or enum: its lower 32 bits, as every protobuf parser takes it. */
  int32(): number {
    this.#varint();
    return this.#low;
  }

  /** Reads a length and answers the position where its bytes end. */
  lengthWithin(end: number): number {
    this.#varint();
    const length = (this.#high >>> 0) * 2 ** 32 + (this.#low >>> 0);
    if (length > end - this.position) {
      throw this.malformed(
        `field ${this.field} claims ${length} bytes where ${Math.max(0, end - this.position)} are left`,
      );
    }
    return this.position + length;
  }

  /** Steps over the current field's value without reading it. */
  skip(end: number): void {
    if (this.type === wire.varint) this.#varint();
    else if (this.type === wire.length) this.position = this.lengthWithin(end);
    else this.position += this.type === wire.fixed64 ? 8 : 4;
  }

  /** Counts what the walk keeps in memory, so that a file of a billion tiny parts cannot fill it. */
  keep(bytes: number): void {
    this.#keptBytes += bytes;
    if (this.#keptBytes > this.#limits.maxKeptBytes) {
      throw this.tooComplex(`expected at most ${this.#limits.maxKeptBytes} bytes of names and shapes`);
    }
  }

  /** The bytes of a string field. */
  textBytes(end: number): Buffer {
    const last = this.lengthWithin(end);
    const length = last - this.position;
    this.keep(length + stringOverheadBytes);
    const bytes = this.bytes.bytes(this.position, length);
    if (bytes.byteLength < length) throw this.malformed('the file ends inside a name');
    this.position = last;
    return bytes;
  }

  text(end: number): string {
    return this.textBytes(end).toString('utf8');
  }

  /** Numbers in a packed list of varints that ends at `end`; steps over it. */
  countVarints(end: number): number {
    let count = 0;
    let run = 0;
    while (this.position < end) {
      const part = this.bytes.ahead(this.position);
      const length = Math.min(part.byteLength, end - this.position);
      if (length === 0) throw this.malformed('the file ends inside a list of numbers');
      for (let at = 0; at < length; at += 1) {
        if ((part[at] as number) < 0x80) {
          count += 1;
          run = 0;
        } else {
          run += 1;
          if (run === 10) throw this.malformed('a number in a list takes more than ten bytes');
        }
      }
      this.position += length;
    }
    if (run > 0) throw this.malformed('a list of numbers ends inside a number');
    return count;
  }

  malformed(problem: string): AppError {
    return refusal(
      'MODEL_MALFORMED',
      this.#trail.toString(),
      `${problem} (byte ${this.position}). Export the model again.`,
    );
  }

  tooComplex(problem: string): AppError {
    return refusal('MODEL_TOO_COMPLEX', this.#trail.toString(), `${problem}, got more. Simplify or split the model.`);
  }

  #varint(): void {
    let byte = this.#byte();
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      if (shift > 63) throw this.malformed('a number takes more than ten bytes');
      byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high = bits >> 4;
      else if (shift > 28) high |= bits << (shift - 32);
    }
    this.#low = low;
    this.#high = high;
  }

  #byte(): number {
    const byte = this.bytes.byte(this.position);
    if (byte < 0) throw this.malformed('the file ends too early');
    this.position += 1;
    return byte;
  }
}
