const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
const highWord = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const powersOfTwo = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 25));

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/**
 * IEEE 754 binary16 bits nearest to a number, ties to even. Rounds once from the double, since a stop at
 * float32 would round twice. Magnitudes from 65520 become infinity.
 *
 * @example float16Bits(1) // 0x3c00
 */
export function float16Bits(value: number): number {
  scratch[0] = value;
  const high = words[highWord] as number;
  const sign = (high >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundHalfToEven(magnitude * 2 ** 24);
  const exponent = ((high >>> 20) & 0x7ff) - 1023;
  // A carry out of the significand adds one to the exponent, which is the right answer.
  return sign | (((exponent + 15) << 10) + roundHalfToEven(magnitude * 2 ** (10 - exponent)) - 1024);
}

/**
 * The number that binary16 bits stand for; exact.
 *
 * @example float16Value(0xc000) // -2
 */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * (powersOfTwo[exponent] as number);
}
