/** Element types of stored tensors, and their conversion from little-endian bytes. */
import { FrameworkError } from '../util/errors.ts';

/** Bytes of one element; the names are those of safetensors. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type DType = keyof typeof DTYPE_BYTES;

export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(DTYPE_BYTES, name);
}

/** Whether a value is a whole number from 0 to 2^53. */
export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Elements of a shape, or `undefined` when a dimension is no size or the product is no exact number. */
export function countElements(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const dim of shape) {
    if (!isSize(dim)) return undefined;
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

let halves: Float32Array | undefined;

/** The value of an IEEE half: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** The IEEE half nearest to a value, ties to even; infinite from 65,520 on. */
export function floatToHalf(value: number): number {
  single[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent < -10) return sign;
  const [whole, shift] =
    exponent > 0 ? [(exponent << 23) | fraction, 13] : [0x800000 | fraction, 14 - exponent];
  const half = whole >>> shift;
  const rest = whole & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (half + Number(rest > tie || (rest === tie && half % 2 === 1)));
}

function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToFloat(bits));
  return halves;
}

/** Any element type as float32. 64-bit values are rounded; `bytes` must start at a multiple of 8 in its buffer. */
export function toFloat32(dtype: DType, bytes: Uint8Array): Float32Array {
  const view = viewOf(dtype, bytes);
  if (view instanceof Float32Array) return view;
  if (view instanceof BigInt64Array) return Float32Array.from(view, Number);
  if (dtype === 'F16') {
    const table = halfTable();
    return Float32Array.from(view as Uint16Array, (bits) => table[bits] as number);
  }
  if (dtype === 'BF16') {
    const out = new Uint32Array(view.length);
    for (let i = 0; i < out.length; i++) out[i] = (view[i] as number) << 16;
    return new Float32Array(out.buffer);
  }
  return Float32Array.from(view as Float64Array);
}

/**
 * Integer and boolean tensors as exact numbers.
 * @throws FrameworkError `formats/not-integers` for a float type or a value beyond ±2^53
 */
export function toIntegers(dtype: DType, bytes: Uint8Array, name: string): Float64Array {
  const view = viewOf(dtype, bytes);
  if (dtype === 'F64' || dtype === 'F32' || dtype === 'F16' || dtype === 'BF16')
    throw new FrameworkError('formats/not-integers', `${name} was read as integers but holds ${dtype}`);
  const numbers = view instanceof BigInt64Array ? Float64Array.from(view, Number) : Float64Array.from(view);
  const at = numbers.findIndex((value) => !Number.isSafeInteger(value));
  if (at >= 0)
    throw new FrameworkError('formats/not-integers', `${name}[${at}] is ${String(view[at])}, beyond ±2^53`);
  return numbers;
}

type View =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

function viewOf(dtype: DType, bytes: Uint8Array): View {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  const count = byteLength / DTYPE_BYTES[dtype];
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, count);
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F16':
    case 'BF16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, count);
    case 'I32':
      return new Int32Array(buffer, byteOffset, count);
    case 'I16':
      return new Int16Array(buffer, byteOffset, count);
    case 'I8':
      return new Int8Array(buffer, byteOffset, count);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, count);
  }
}
