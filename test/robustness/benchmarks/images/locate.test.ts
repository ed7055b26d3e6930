import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagenetSubset } from '../../../../src/data/classes.ts';
import { detect, locate } from '../../../../src/robustness/benchmarks/images/locate.ts';
import { whyNotApplicable } from '../../../../src/robustness/benchmarks/benchmark.ts';
import { openRelease } from '../../../../src/robustness/benchmarks/images/release.ts';
import { BENCHMARKS, findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { selectItems } from '../../../../src/robustness/benchmarks/images/selection.ts';
import { plan, workUnits } from '../../../../src/robustness/benchmarks/evaluation/units.ts';
import {
  alexnetImagenetC,
  alexnetImagenetP,
  imagenet9Classes,
} from '../../../../src/robustness/metrics/normalisers.ts';
import { temporaryFolder, writePictures } from '../world.ts';

const folders = async (root: string, paths: readonly string[]): Promise<void> => {
  for (const path of paths) await mkdir(join(root, path), { recursive: true });
};

describe('records', () => {
  it('cover the benchmarks; parts are those of the published tables', () => {
    expect(BENCHMARKS.map(({ id }) => id)).toEqual([
      'val',
      'real',
      'v2-matched-frequency',
      'v2-threshold-0.7',
      'v2-top-images',
      'a',
      'c',
      'c-bar',
      'o',
      'p',
      'r',
      '9',
      'sketch',
      'stylized',
      'ood',
    ]);
    const { benchmark, extra } = alexnetImagenetC();
    const names = findBenchmark('c').parts.map(({ name }) => name.split('/')[0]);
    expect([...new Set(names)]).toEqual([...benchmark, ...extra]);
    expect(findBenchmark('c').parts.filter(({ optional }) => !optional)).toHaveLength(75);
    const p = findBenchmark('p');
    expect(p.parts.map(({ name }) => name)).toEqual([
      ...alexnetImagenetP().benchmark,
      ...alexnetImagenetP().validation,
    ]);
    for (const { name } of p.parts) expect(p.frames(name)).toBe(alexnetImagenetP().frames[name]);
    expect(() => findBenchmark('stylised')).toThrow(/no benchmark "stylised"/);
  });

  it('say which models they apply to', () => {
    const cifar = { name: 'small', classes: 10 };
    expect(whyNotApplicable(findBenchmark('a'), cifar)).toMatch(/1000 ImageNet classes; small has 10/);
    expect(whyNotApplicable(findBenchmark('val'), cifar)).toBeUndefined();
    expect(whyNotApplicable(findBenchmark('c'), cifar, true)).toBeUndefined();
    expect(whyNotApplicable(findBenchmark('r'), cifar, true)).toMatch(/cannot be generated/);
    expect(whyNotApplicable(findBenchmark('9'), { name: 'nine', classes: 9 })).toBeUndefined();
    expect(whyNotApplicable(findBenchmark('9'), { name: 'big', classes: 'imagenet1k' })).toBeUndefined();
  });

  it('plan the published amounts of work', () => {
    expect(plan(findBenchmark('c'), undefined, {}, 1000)).toEqual({
      benchmark: 'c',
      images: 4_750_000,
      forwardPasses: 4_750_000,
      hours: 4750 / 3600,
    });
    const p = findBenchmark('p');
    const published = { ...p, parts: p.parts.filter(({ optional }) => !optional) };
    expect(plan(published, undefined, {}).forwardPasses).toBe((9 * 31 + 41) * 50_000);
    expect(plan(findBenchmark('o'), undefined, {}).images).toBe(12_000);
    expect(plan(findBenchmark('val'), undefined, { limit: 70 }).images).toBe(70);
  });
});

describe('detection on disk', () => {
  it('names the official archive and its size where a benchmark is missing', async () => {
    const found = await detect(await temporaryFolder());
    expect(found.map(({ status }) => status)).toEqual(BENCHMARKS.map(() => 'missing'));
    const c = found.find(({ benchmark }) => benchmark.id === 'c')!;
    expect(c.message).toMatch(/noise\.tar, blur\.tar.*62 GB.*<corruption>\/<severity>\/<wnid>/);
  });

  it('finds releases side by side, inside their archives’ folders, and given directly', async () => {
    const root = await temporaryFolder();
    await folders(root, [
      'imagenet-c/blur/glass_blur/3',
      'imagenet-c/fog/1',
      'imagenet-p/noise/shot_noise',
      'bg_challenge/original/val',
    ]);
    const byId = Object.fromEntries(
      (await detect(root)).map((location) => [location.benchmark.id, location]),
    );
    expect(byId.c!.status).toBe('partial');
    expect(byId.c!.parts.map(({ record }) => record.name)).toEqual(['glass_blur/3', 'fog/1']);
    expect(byId.c!.missing).toHaveLength(73);
    expect(byId.p!.parts.map(({ path }) => path)).toEqual([join(root, 'imagenet-p/noise/shot_noise')]);
    expect(byId['9']!.missing).toEqual(['mixed_same', 'mixed_rand']);
    const direct = await locate(findBenchmark('c'), join(root, 'imagenet-c'));
    expect(direct.parts).toHaveLength(2);
  });

  it('ImageNet-O needs the validation images', async () => {
    const root = await temporaryFolder();
    await folders(root, ['imagenet-o/n01443537']);
    expect(await locate(findBenchmark('o'), root)).toMatchObject({
      status: 'partial',
      missing: ['in (validation images)'],
    });
    await folders(root, ['val/n01443537']);
    const found = await locate(findBenchmark('o'), root);
    expect([found.status, found.parts.map(({ record }) => record.name)]).toEqual(['found', ['out', 'in']]);
  });
});

describe('parts', () => {
  it('labels by position in the class list; strangers and gaps are counted, a README is skipped', async () => {
    const root = await temporaryFolder();
    const { wnids } = imagenetSubset('a');
    await writePictures(join(root, 'imagenet-a'), { [wnids[3]!]: 2, [wnids[7]!]: 1, n00000001: 3 });
    await writeFile(join(root, 'imagenet-a', 'README.txt'), 'about');
    const { parts } = await openRelease(await locate(findBenchmark('a'), root));
    const [part] = parts;
    expect(part!.keys).toHaveLength(3);
    expect([0, 1, 2].map((i) => part!.label(i))).toEqual([3, 3, 7]);
    expect(part!.problems).toEqual([
      {
        kind: 'extra class folder',
        part: 'all',
        what: 'n00000001 is no class of this benchmark; its images are not evaluated',
        count: 3,
      },
      { kind: 'missing class', part: 'all', what: expect.stringContaining(wnids[0]!) as string, count: 198 },
      { kind: 'count', part: 'all', what: '3 images, the release has 7500', count: 7497 },
    ]);
    expect((await part!.load(0))[0]).toMatchObject({ width: 40, height: 36 });
  });

  it('folders of ImageNet-9 with a space; the in-distribution side of O leaves other classes out', async () => {
    const root = await temporaryFolder();
    const names = imagenet9Classes().folders;
    for (const variation of ['original', 'mixed_same', 'mixed_rand'])
      await writePictures(
        join(root, 'bg_challenge', variation, 'val'),
        Object.fromEntries(names.map((n) => [n, 1])),
      );
    const nine = await openRelease(await locate(findBenchmark('9'), root));
    expect(nine.parts[0]!.classes[2]).toBe('02_wheeled vehicle');
    expect(nine.parts.map((part) => part.problems.map(({ kind }) => kind))).toEqual([
      ['count'],
      ['count'],
      ['count'],
    ]);
    const { wnids } = imagenetSubset('o');
    await writePictures(join(root, 'imagenet-o'), { [wnids[0]!]: 1 });
    await writePictures(join(root, 'val'), { [wnids[0]!]: 2, n01440764: 5 });
    const o = await openRelease(await locate(findBenchmark('o'), root));
    expect(o.parts.map(({ name, keys }) => [name, keys.length])).toEqual([['out', 1], ['in', 2]]); // prettier-ignore
    expect(o.parts[1]!.problems.map(({ kind }) => kind)).not.toContain('extra class folder');
  });

  it('a missing part is a problem, not a silence', async () => {
    const root = await temporaryFolder();
    await writePictures(join(root, 'imagenet-c/fog/1'), { n01440764: 1 });
    const { parts, problems } = await openRelease(await locate(findBenchmark('c'), root));
    expect(parts).toHaveLength(1);
    expect(problems).toHaveLength(74);
    expect(problems[0]).toMatchObject({ kind: 'missing part', part: 'gaussian_noise/1' });
  });
});

describe('work units', () => {
  const part = (name: string, count: number, frames = 1) => ({
    name,
    keys: Array.from({ length: count }, (_, i) => `x/ILSVRC2012_val_${String(i + 1).padStart(8, '0')}.JPEG`),
    frames,
  });

  it('keep the order of parts and cover every item once', () => {
    const units = workUnits([part('a', 12), part('b', 3), part('clip', 4, 31)], {}, 5);
    expect(units.map(({ name, items }) => [name, items.length])).toEqual([
      ['a 1 of 3', 5],
      ['a 2 of 3', 5],
      ['a 3 of 3', 2],
      ['b', 3],
      ['clip 1 of 4', 1],
      ['clip 2 of 4', 1],
      ['clip 3 of 4', 1],
      ['clip 4 of 4', 1],
    ]);
    expect(units.slice(0, 3).flatMap(({ items }) => items)).toEqual([...part('a', 12).keys.keys()]);
  });

  it('limits are spread over the list; the 5,000-image subset goes by file number', () => {
    expect(selectItems(part('a', 100).keys, { limit: 4 })).toEqual([0, 25, 50, 75]);
    const subset = selectItems(part('a', 50_000).keys, { subset: 'val-subset-5k' });
    expect(subset).toHaveLength(5000);
    expect(subset).toContain(15253 - 1);
    expect(() => selectItems(['x/cat.jpg'], { subset: 'val-subset-5k' })).toThrow(/none of the 1 files/);
  });
});
