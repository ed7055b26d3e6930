/** Strided views of raw elements. */

/** Transposes a C-order array: axis `d` of the result is axis `axes[d]` of the array. `width` is the bytes of an element. */
export function permuteBytes(
  bytes: Uint8Array,
  shape: readonly number[],
  axes: readonly number[],
  width: number,
): Uint8Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, dim) => product * dim, 1));
  return gatherBytes(
    bytes,
    0,
    axes.map((axis) => shape[axis] as number),
    axes.map((axis) => strides[axis] as number),
    width,
  );
}

/** The elements of a strided view in C order. Offset and strides are in elements, `width` is 1, 2, 4 or 8 bytes. */
export function gatherBytes(
  bytes: Uint8Array,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  width: number,
): Uint8Array {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const out = new Uint8Array(count * width);
  if (width === 8) {
    gather(
      words(bytes, 4),
      words(out, 4),
      [...shape, 2],
      [...strides.map((stride) => 2 * stride), 1],
      2 * offset,
    );
  } else gather(words(bytes, width), words(out, width), shape, strides, offset);
  return out;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** The same bytes in units of 1, 2 or 4, copied when they do not start at such a unit. */
function words(bytes: Uint8Array, width: number): Words {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  if (width === 4) return new Uint32Array(buffer, byteOffset, byteLength >> 2);
  return width === 2
    ? new Uint16Array(buffer, byteOffset, byteLength >> 1)
    : new Uint8Array(buffer, byteOffset, byteLength);
}

function gather(
  from: Words,
  to: Words,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): void {
  const last = shape.length - 1;
  const inner = last < 0 ? 1 : (shape[last] as number);
  const innerStride = last < 0 ? 1 : (strides[last] as number);
  const index = shape.map(() => 0);
  let start = offset;
  for (let i = 0; i < to.length;) {
    for (let j = 0; j < inner; j++) to[i++] = from[start + j * innerStride] as number;
    for (let d = last - 1; d >= 0; d--) {
      start += strides[d] as number;
      index[d] = (index[d] as number) + 1;
      if ((index[d] as number) < (shape[d] as number)) break;
      start -= (strides[d] as number) * (shape[d] as number);
      index[d] = 0;
    }
  }
}
