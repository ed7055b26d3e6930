import { zipSync } from 'fflate';
import { expect, it } from 'vitest';
import { duplicateKey } from '../../src/formats/json-keys.ts';
import { openTensors } from '../../src/formats/open.ts';
import { openRange } from '../../src/formats/range.ts';
import { readZipDirectory, readZipMember } from '../../src/formats/zip.ts';
import { temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();

it('a member that unpacks to far more than weights do is refused before it is', async () => {
  const bytes = zipSync({ 'a.npy': new Uint8Array(1000) });
  const file = await openRange(await writeTo(folder, 'bomb.npz', bytes));
  const member = [...(await readZipDirectory(file)).values()][0]!;
  const bomb = { ...member, packed: 2_000_000, size: 2_000_000_000 };
  await expect(readZipMember(file, bomb)).rejects.toThrow(
    /a\.npy would unpack from 2000000 bytes to 2000000000/,
  );
  await file.close();
});

it('a header of nothing but brackets is refused', async () => {
  const header = Buffer.alloc(9_000_000, '[');
  header[0] = 0x7b;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = await writeTo(folder, 'brackets.safetensors', Buffer.concat([length, header]));
  await expect(openTensors(path)).rejects.toThrow(/header is not JSON: it has 9000000 brackets/);
});

it('names of millions of escapes are compared', () => {
  const name = '\\n'.repeat(4_000_000);
  expect(duplicateKey(`{"${name}": [{"a": 1}, {"a": 2}], "b": ":{"}`)).toBeUndefined();
  expect(duplicateKey('{"a\\"": 1, "b": {"c": 1, "\\u0063": 2}}')).toBe('c');
});
