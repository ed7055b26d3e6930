/** A text of `0` and `1` as base64, eight to a byte from the highest bit on. */
export function packBits(bits: string): string {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (let i = 0; i < bits.length; i++)
    if (bits[i] === '1') bytes[i >> 3] = (bytes[i >> 3] as number) | (0x80 >> (i & 7));
  return bytes.toString('base64');
}

/** The first `count` bits of what `packBits` made. */
export function unpackBits(packed: string, count: number): string {
  const bytes = Buffer.from(packed, 'base64');
  let bits = '';
  for (let i = 0; i < count; i++) bits += ((bytes[i >> 3] ?? 0) & (0x80 >> (i & 7))) === 0 ? '0' : '1';
  return bits;
}
