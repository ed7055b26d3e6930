import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unpackSwiftShader } from '../../src/device/vulkan.ts';
import { Stopper, runProcess } from '../../src/sweeps/process.ts';
import { appendJsonLine, readJson, writeFileAtomic } from '../../src/util/files.ts';
import { failure, temporaryFolder } from '../formats/fixtures.ts';

const folder = await temporaryFolder();

describe('writeFileAtomic', () => {
  it('writes text, bytes and pieces, makes folders, and leaves nothing else', async () => {
    const path = join(folder, 'a/b/c.txt');
    await writeFileAtomic(path, 'text ä');
    expect(await readFile(path, 'utf8')).toBe('text ä');
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    expect([...(await readFile(path))]).toEqual([1, 2]);
    await writeFileAtomic(path, [Uint8Array.of(3), new Uint8Array(), Uint8Array.of(4)]);
    expect([...(await readFile(path))]).toEqual([3, 4]);
    expect(await readdir(join(folder, 'a/b'))).toEqual(['c.txt']);
  });

  it('says when a folder cannot be made', { timeout: 10_000 }, async () => {
    await writeFileAtomic(join(folder, 'plain'), 'a file');
    const below = await failure(writeFileAtomic(join(folder, 'plain/below/c.txt'), ''));
    expect(below).toMatchObject({ code: 'file/write' });
    expect(String(below)).toContain('plain/below');
  });

  it('makes folders that others make at the same time', async () => {
    const code = `import { makeFolderNow } from ${JSON.stringify(new URL('../../src/util/files.ts', import.meta.url).href)};
      for (let i = 0; i < 200; i++) makeFolderNow(\`${folder}/raced/\${i}/a/b/c\`);`;
    const ends = [1, 2].map(
      () =>
        new Promise((done) =>
          spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
            stdio: ['ignore', 'ignore', 'inherit'],
          }).on('close', done),
        ),
    );
    expect(await Promise.all(ends)).toEqual([0, 0]);
  });

  // There mkdir says that a parent which is there is not.
  it.skipIf(!existsSync('/proc/self'))('says at once that no folder can be made below /proc', async () => {
    const place = '/proc/largekernel/a';
    const refused = { code: 'file/write', message: expect.stringContaining(place) as string };
    expect(await failure(writeFileAtomic(join(place, 'c.txt'), ''))).toMatchObject(refused);
    expect(() => unpackSwiftShader(place)).toThrow(expect.objectContaining(refused));
    const job = { command: [process.execPath, '-e', ''], log: join(place, 'log') };
    expect(await failure(runProcess(job, new Stopper()))).toMatchObject(refused);
  });

  it('keeps the old file when a piece cannot be made or written', async () => {
    const path = join(folder, 'kept/old.bin');
    await writeFileAtomic(path, 'old');
    async function* failing(error: Error) {
      yield new Uint8Array(10);
      throw error;
    }
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' });
    const error = await failure(writeFileAtomic(path, failing(full)));
    expect(error).toMatchObject({
      code: 'file/full-disk',
      hint: expect.stringContaining('unchanged') as string,
    });
    expect(String(error)).toContain(path);
    expect(await failure(writeFileAtomic(path, failing(new Error('no such tensor'))))).toMatchObject({
      code: 'file/write',
    });
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(folder, 'kept'))).toEqual(['old.bin']);
  });

  it('survives a disk that is really full', async (context) => {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      context.skip('a small disk can only be made by root');
    }
    try {
      const path = join(disk, 'checkpoint.bin');
      await writeFileAtomic(path, 'old');
      expect(await failure(writeFileAtomic(path, new Uint8Array(1 << 20)))).toMatchObject({
        code: 'file/full-disk',
      });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(disk)).toEqual(['checkpoint.bin']);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('names a folder it may not write to', async (context) => {
    if (process.getuid?.() === 0) context.skip('root may write anywhere');
    const locked = join(folder, 'locked');
    await mkdir(locked);
    await chmod(locked, 0o500);
    expect(await failure(writeFileAtomic(join(locked, 'x'), 'x'))).toMatchObject({ code: 'file/denied' });
  });
});

describe('lines of JSON and JSON files', () => {
  it('appends one record per line', async () => {
    const path = join(folder, 'log/metrics.jsonl');
    await appendJsonLine(path, { step: 1 });
    await appendJsonLine(path, { text: 'a\nb' });
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"text":"a\\nb"}\n');
  });

  it('says that the disk is full', async (context) => {
    if (!existsSync('/dev/full')) context.skip('there is no /dev/full here');
    expect(await failure(appendJsonLine('/dev/full', {}))).toMatchObject({ code: 'file/full-disk' });
  });

  it('says what is wrong with a JSON file', async () => {
    const path = join(folder, 'state.json');
    expect(await failure(readJson(path))).toMatchObject({ code: 'file/missing' });
    await writeFile(path, ' ');
    expect(String(await failure(readJson(path)))).toContain('the file is empty');
    await writeFile(path, '{"a": 1');
    expect(await failure(readJson(path))).toMatchObject({ code: 'file/not-json' });
    await writeFile(path, '{"a": 1}');
    expect(await readJson(path)).toEqual({ a: 1 });
  });
});
