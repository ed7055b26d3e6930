import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FrameworkError } from '../../src/util/errors.ts';
import { writeFileAtomic } from '../../src/util/files.ts';
import {
  digestOf,
  digesting,
  readSealed,
  readSealedBytes,
  readSealedIfThere,
  sealedKind,
  sealedLine,
  sealedText,
  unsealed,
  unsealedLine,
  writeSealed,
  writeSealedBytes,
} from '../../src/util/sealed.ts';
import { failure, temporaryFolder } from '../formats/fixtures.ts';

const folder = await temporaryFolder();
const NOTE = sealedKind<{ step?: number; text?: string; nested?: unknown }>(
  'test note',
  3,
  'Write it again.',
);
const CONTENT = { step: 17, text: 'grün 😀\n"', nested: [{ a: null }, -0.1] };

describe('a sealed file', () => {
  it('is JSON that anybody reads, and holds what was written', async () => {
    const path = join(folder, 'a.json');
    for (const content of [CONTENT, {}]) {
      await writeSealed(path, NOTE, content);
      const { seal, ...rest } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      expect(seal).toMatchObject({ kind: 'test note', version: 3 });
      expect(rest).toEqual(content);
      expect(await readSealed(path, NOTE)).toEqual(content);
    }
  });

  it('is refused when any bit of it is flipped, any byte missing, any added', () => {
    const whole = Buffer.from(sealedText(NOTE, CONTENT));
    const refused = (bytes: Buffer) => {
      try {
        unsealed(bytes, 'note.json', NOTE);
        return 'read';
      } catch (error) {
        return error instanceof FrameworkError ? error.code : String(error);
      }
    };
    expect(refused(whole)).toBe('read');
    const codes = new Set<string>();
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      codes.add(refused(bytes));
    }
    for (let length = 0; length < whole.length; length++) codes.add(refused(whole.subarray(0, length)));
    codes.add(refused(Buffer.concat([whole, Buffer.from('\n')])));
    expect([...codes].sort()).toEqual(['file/damaged', 'file/unsealed']);
  });

  it('of another kind, a newer or an older version, or without a seal says so and what to do', () => {
    const code = (text: string, kind = NOTE) => {
      try {
        return unsealed(text, 'note.json', kind);
      } catch (error) {
        return error;
      }
    };
    const text = sealedText(NOTE, CONTENT);
    expect(code(text, sealedKind('other', 3, 'Look for it.'))).toMatchObject({
      code: 'file/other-kind',
      message: expect.stringMatching(/note\.json is a test note; a other was expected/) as string,
    });
    expect(code(text, { ...NOTE, version: 2 })).toMatchObject({
      code: 'file/other-version',
      hint: 'Use the largekernel that wrote it.',
    });
    expect(code(text, { ...NOTE, version: 4 })).toMatchObject({
      code: 'file/other-version',
      hint: 'Write it again.',
    });
    expect(code('{"step":17}\n')).toMatchObject({ code: 'file/unsealed', hint: 'Write it again.' });
    expect(code('')).toMatchObject({ code: 'file/damaged' });
  });

  it('holds bytes as well, or text below a comment', async () => {
    const kind = sealedKind<Uint8Array>('test bytes', 1, 'Make them again.');
    const path = join(folder, 'b.bin');
    await writeSealedBytes(path, kind, Uint8Array.of(0, 10, 255));
    expect([...(await readSealedBytes(path, kind))]).toEqual([0, 10, 255]);
    await writeSealedBytes(path, kind, 'seed: 1\n', { comment: true });
    expect(await readFile(path, 'utf8')).toMatch(/^# \{"seal".*\}\}\nseed: 1\n$/);
    expect((await readSealedBytes(path, kind)).toString()).toBe('seed: 1\n');
    await writeFile(path, (await readFile(path, 'utf8')).replace('seed: 1', 'seed: 2'));
    expect(await failure(readSealedBytes(path, kind))).toMatchObject({ code: 'file/damaged' });
  });

  it('is absent only where the system says that there is none', async () => {
    await writeFile(join(folder, 'plain'), '');
    expect(await readSealedIfThere(join(folder, 'none.json'), NOTE)).toBeUndefined();
    expect(await failure(readSealedIfThere(join(folder, 'plain/none.json'), NOTE))).toMatchObject({
      code: 'file/read',
    });
    expect(await failure(readSealedIfThere(folder, NOTE))).toMatchObject({ code: 'file/read' });
  });
});

describe('a sealed line', () => {
  const first = sealedLine({ kind: 'step', step: 3, loss: 0.1 }, '');
  const second = sealedLine({ kind: 'step', step: 4, loss: null }, first);

  it('is refused when any bit of it is flipped or its end is missing', () => {
    expect(unsealedLine(first, '')).toEqual({ kind: 'step', step: 3, loss: 0.1 });
    expect(JSON.parse(first)).toMatchObject({ step: 3 });
    const whole = Buffer.from(first);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(unsealedLine(bytes.toString(), '')).toBeUndefined();
      expect(unsealedLine(first.slice(0, bit >> 3), '')).toBeUndefined();
    }
  });

  it('is refused below any line but the one it was written below', () => {
    expect(unsealedLine(second, first)).toEqual({ kind: 'step', step: 4, loss: null });
    expect(unsealedLine(second, '')).toBeUndefined();
    expect(unsealedLine(second, second)).toBeUndefined();
    expect(unsealedLine(first, second)).toBeUndefined();
  });
});

describe('a digest', () => {
  it('taken while writing is that of the file', async () => {
    const path = join(folder, 'c.bin');
    const { pieces, digest } = digesting([Uint8Array.of(1, 2), new Uint8Array(3_000_000)]);
    await writeFileAtomic(path, pieces);
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    expect(digest()).toEqual({ bytes: 3_000_002, sha256 });
    expect(await digestOf(path)).toEqual({ bytes: 3_000_002, sha256 });
  });
});
