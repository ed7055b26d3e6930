/** Cyclic redundancy checks of 32 bits, reflected. */

const tables = new Map<number, Uint32Array>();

function tableOf(polynomial: number): Uint32Array {
  const known = tables.get(polynomial);
  if (known !== undefined) return known;
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    return c;
  });
  tables.set(polynomial, table);
  return table;
}

function crc(bytes: Uint8Array, polynomial: number): number {
  const table = tableOf(polynomial);
  let sum = 0xffffffff;
  for (let i = 0; i < bytes.length; i++)
    sum = (sum >>> 8) ^ (table[(sum ^ (bytes[i] as number)) & 255] as number);
  return (sum ^ 0xffffffff) >>> 0;
}

/** CRC-32 of ISO 3309, as ZIP uses it. */
export function crc32(bytes: Uint8Array): number {
  return crc(bytes, 0xedb88320);
}

/** CRC-32C (Castagnoli; RFC 3720). */
export function crc32c(bytes: Uint8Array): number {
  return crc(bytes, 0x82f63b78);
}
