import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { chooseFolder, type FolderRequest } from '../../../src/training/run/choose-folder.ts';

const { recipe } = await loadRecipe('quickstart');
const before = process.cwd();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'choose-'));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});

const notes: string[] = [];
const choose = (request: Partial<FolderRequest> = {}) =>
  chooseFolder({ out: undefined, resume: false, maxSteps: undefined, ...request }, recipe, 'hash', (line) => {
    notes.push(line);
  });

describe('the folder of a run', () => {
  it('is another for each of several that start at once', async () => {
    const chosen = await Promise.all(Array.from({ length: 4 }, () => choose()));
    expect(chosen.map((one) => one.folder.root).sort()).toEqual([
      'runs/quickstart', 'runs/quickstart-2', 'runs/quickstart-3', 'runs/quickstart-4',
    ]); // prettier-ignore
    expect(notes.join('\n')).toMatch(/runs\/quickstart is held by process \d+ \(training/);
    await Promise.all(chosen.map(({ claim }) => claim.release()));
    expect(readdirSync('runs')).toEqual([]);
  });

  it('that was asked for goes to one; the others are told who holds it', async () => {
    const chosen = await Promise.allSettled(Array.from({ length: 4 }, () => choose({ out: 'mine' })));
    const refused = chosen.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    expect(refused).toHaveLength(3);
    for (const error of refused)
      expect(error).toMatchObject({
        code: 'held/folder',
        message: expect.stringContaining(`mine is held by process ${process.pid}`) as string,
      });
    for (const one of chosen) if (one.status === 'fulfilled') await one.value.claim.release();
  });

  it('is not claimed where the run cannot begin there', async () => {
    await expect(choose({ resume: true })).rejects.toThrow(/holds no checkpoint/);
    expect(readdirSync('.')).toEqual([]);
  });
});
