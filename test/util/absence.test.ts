import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lookAt } from '../../src/data/look-at.ts';
import { chosenClasses } from '../../src/data/class-choice.ts';
import { openDataset } from '../../src/data/datasets.ts';
import { fetchArchive, DOWNLOADS } from '../../src/data/fetch.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { BENCHMARKS } from '../../src/robustness/benchmarks/records.ts';
import { locate } from '../../src/robustness/benchmarks/images/locate.ts';
import { evaluationsMissing } from '../../src/sweeps/execute.ts';
import { expandSweep } from '../../src/sweeps/runs.ts';
import { loadSweep } from '../../src/sweeps/sweep.ts';
import { exists, existsNow, ifThere, isFolder } from '../../src/util/files.ts';
import { temporaryFolder } from '../formats/fixtures.ts';

const folder = await temporaryFolder();
/** A link to itself: what lies below is neither there nor absent, also for root. */
const loop = join(folder, 'loop');
symlinkSync(loop, loop);
const file = join(folder, 'file');
writeFileSync(file, '');

describe('what cannot be looked at is not absent', () => {
  const none = join(folder, 'none');
  it('is asked for by one helper', async () => {
    expect([await exists(none), existsNow(none), await isFolder(none)]).toEqual([false, false, false]);
    expect([await exists(file), existsNow(file), await isFolder(file), await isFolder(folder)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    for (const path of [join(loop, 'x'), join(file, 'x')]) {
      await expect(exists(path)).rejects.toMatchObject({ code: 'file/read' });
      await expect(isFolder(path)).rejects.toMatchObject({ code: 'file/read' });
      expect(() => existsNow(path)).toThrow(/cannot read/);
    }
    const broken = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    await expect(ifThere(none, () => Promise.reject(broken))).rejects.toThrow(/cannot read .*none: EIO/);
  });

  const open = (kind: 'idx' | 'cifar10' | 'webdataset' | 'parquet', root: string) =>
    openDataset({ kind, root, split: 'train' });
  it.each<[string, () => unknown]>([
    ['IDX files', () => open('idx', loop)],
    ['CIFAR', () => open('cifar10', loop)],
    ['shards', () => open('webdataset', loop)],
    ['parquet', () => open('parquet', loop)],
    ['a recipe that is extended', () => {
      writeFileSync(join(folder, 'child.yaml'), 'extends: ./loop/parent.yaml\n');
      return loadRecipe(join(folder, 'child.yaml'));
    }],
    ['a class list', () => chosenClasses(join(loop, 'names.txt'), null)],
    ['a class list of too long a name', () => chosenClasses('x'.repeat(5000), null)],
    ['what was fetched', () => fetchArchive(DOWNLOADS['cifar10']!, loop, { baseUrl: 'http://127.0.0.1:9/', attempts: 1 })],
    ['a benchmark', () => locate(BENCHMARKS[0]!, loop)],
    ['photographs', () => lookAt(loop, () => undefined)],
    ['evaluations of a sweep', async () => {
      const runs = await expandSweep(await loadSweep('quick-kernels'), loop, []);
      const [run] = runs.runs;
      return evaluationsMissing({ ...runs, sweep: { ...runs.sweep, evaluations: ['a'] } }, run!);
    }],
  ])('%s', async (_, look) => {
    await expect((async () => look())()).rejects.toThrow(/cannot (be )?read|ELOOP|ENAMETOOLONG/);
  }); // prettier-ignore
});
