import { describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { loadRecipe } from '../../src/recipe/load.ts';
import { recipeHash } from '../../src/recipe/resolved.ts';
import { expandSweep } from '../../src/sweeps/runs.ts';
import { paperValue } from '../../src/sweeps/results.ts';
import { publishedAs } from '../../src/training/weights/published/list.ts';
import { listSweeps, loadSweep, parseSweep } from '../../src/sweeps/sweep.ts';

const HEAD = `recipe: ${new URL('./quickstart.yaml', import.meta.url).pathname}\naxis: kernel\n`;
const parse = (text: string) => parseSweep(text, '/tmp/mine.yaml');
const expand = (text: string, extra: string[] = []) => expandSweep(parse(text), '/tmp/out', extra);

describe('the project’s sweeps', () => {
  it('load, are described, and every run’s recipe resolves', async () => {
    const names = await listSweeps();
    const kernels = ['cifar10-kernels', 'quick-kernels', 'table5', 'table7', 'table7-slak'];
    expect(names).toEqual(
      [
        ...['cifar10-components', 'combinations', 'components', 'distillation', ...kernels],
        ...['rehearsal-kernels', 'rehearsal-others'],
      ].sort(),
    );
    for (const name of names) {
      const sweep = await loadSweep(name);
      expect(sweep.name).toBe(name);
      expect(sweep.description).toMatch(/.{20}/);
      const { runs } = await expandSweep(sweep, '/tmp/out', []);
      expect(runs).toHaveLength(sweep.points.length * sweep.seeds.length);
    }
  });

  it.each([
    ['table7', ['convnext-t-k3', 'convnext-t-k7', 'convnext-t-k13', 'convnext-t-k31', 'convnext-t-k51']],
    ['table7-slak', [3, 7, 13, 31, 51].map((k) => `convnext-t-slak-k${k}`)],
    ['table5', ['replknet-3b-120', 'replknet-31b-120']],
  ])('%s trains the project’s recipes of the same runs', async (name, recipes) => {
    const { runs } = await expandSweep(await loadSweep(name), '/tmp/out', []);
    const expected = await Promise.all(recipes.map(async (r) => recipeHash((await loadRecipe(r)).recipe)));
    expect(runs.map(({ hash }) => hash)).toEqual(expected);
  });

  it('distillation trains teachers by the project’s recipes, and students as their models alone', async () => {
    const { runs } = await expandSweep(await loadSweep('distillation'), '/tmp/out', []);
    for (const [at, name] of [
      [0, 'resnet50'],
      [3, 'deit-s16-100'],
    ] as const) {
      expect(runs[at]!.hash).toBe(recipeHash((await loadRecipe(name)).recipe));
      for (const student of runs.slice(at + 1, at + 3))
        expect(recipeHash({ ...student.recipe, distill: null })).toBe(runs[at]!.hash);
    }
    const kinds = runs.map(({ recipe }) => recipe.distill?.kind);
    expect(kinds).toEqual([undefined, 'soft', 'hard', undefined, 'soft', 'hard']);
    for (const { recipe } of runs)
      if (recipe.distill) expect(publishedAs(recipe.distill.teacher)).toBeDefined();
  });

  it('published values stand beside distillation under their protocols', async () => {
    const { points, paper } = await loadSweep('distillation');
    const value = (benchmark: string, id: string, protocol: string) =>
      points.map(
        (point) =>
          paperValue(point, paper, { benchmark, id, protocol, label: '', unit: '%', better: 'higher' })
            ?.value,
      );
    expect(value('val', 'top1', 'full1000')).toEqual([76.3, 76.7, 76.7, 76.8, 76.2, 76.2]);
    expect(value('a', 'top1', 'masked200')).toEqual([4.5, 5.2, 5.2, 12.2, 10.9, 10.9]);
    expect(value('a', 'top1', 'full1000')).toEqual(points.map(() => undefined));
    expect(value('c', 'mean-error-15', '15 corruptions, un-normalised')).toEqual([
      55.6, 54.2, 54.2, 48, 49.3, 49.3,
    ]);
  });
});

describe('a sweep file', () => {
  it('becomes one run for each point and seed, the point over the common settings', async () => {
    const { runs } = await expand(
      `${HEAD}seeds: [4, 5]\nset: { batch: 32 }\npoints:\n  - { label: a, set: { model.kernels: [3, 5] } }\n  - { label: b, set: { model.kernels: 7, optimizer.lr: 1e-4 } }\n`,
      ['schedule.epochs=1'],
    );
    expect(runs.map(({ id }) => id)).toEqual(['a-seed4', 'a-seed5', 'b-seed4', 'b-seed5']);
    const [first, , third] = runs;
    expect(first!.recipe).toMatchObject({ seed: 4, batch: { size: 32 }, schedule: { epochs: 1 } });
    expect(first!.recipe.model.kernels).toEqual([3, 5]);
    expect(third!.recipe.model.kernels).toEqual([7, 7]);
    expect(third!.recipe.optimizer.lr).toBe(1e-4);
    expect(third!.recipe.name).toBe('mine-b-seed4');
    expect(first!.folder.root).toBe(join('/tmp/out', 'a-seed4'));
    expect(first!.overrides).toEqual([
      'batch=32', 'schedule.epochs=1', 'model.kernels=[3,5]', 'seed=4', 'name=mine-a-seed4',
    ]); // prettier-ignore
  });

  it.each([
    ['an unknown key', `${HEAD}point: []`, /mine\.yaml:3: point is not a key of a sweep/, /points/],
    [
      'an unknown key of a point',
      `${HEAD}points:\n  - { label: a, sets: {} }`,
      /mine\.yaml:4: sets/,
      /set\?/,
    ],
    [
      'an unknown key of a recipe',
      `${HEAD}points:\n  - label: a\n    set:\n      model.kernel: 3`,
      /mine\.yaml:6: model\.kernel is not a key of a recipe/,
      /model\.kernels/,
    ],
    ['a key without its group', `${HEAD}set: { kernels: 3 }\npoints: []`, /kernels/, /model\.kernels/],
    ['a seed among the settings', `${HEAD}set: { seed: 3 }\npoints: []`, /:3: seed is set/, /seeds:/],
    ['no points', `${HEAD}points: []`, /points is empty/, /label/],
    ['no axis', 'recipe: quickstart\npoints: []', /does not set axis/, /docs/],
    ['a label twice', `${HEAD}points: [{ label: 3 }, { label: 3 }]`, /label 3 is given twice/, /its own/],
    ['a label that is no folder', `${HEAD}points: [{ label: a/b }]`, /label is "a\/b"/, /letters/],
    ['an unknown benchmark', `${HEAD}evaluations: [vol]\npoints: [{ label: 3 }]`, /:3: evaluations/, /val/],
    ['a model without a source', `${HEAD}points: [{ label: 3, paper: X-3 }]`, /model X-3/, /paper:/],
    ['seeds twice', `${HEAD}seeds: [1, 1]\npoints: [{ label: 3 }]`, /repeat/, /once/],
    ['fractional seeds', `${HEAD}seeds: [0.5]\npoints: [{ label: 3 }]`, /:3: seeds is \[0\.5\]/, /whole/],
    [
      'a key in both places',
      `${HEAD}set: { batch: 8 }\npoints: [{ label: 3, set: { batch: 16 } }]`,
      /batch is also set for all points/,
      /one of the two/,
    ],
  ])('refuses %s, naming file and line', (_what, text, message, hint) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(hint) as string }),
    );
  });

  it('says which point has a value that its recipe refuses', async () => {
    const text = `${HEAD}points:\n  - { label: 3 }\n  - { label: 4, set: { model.kernels: 4 } }`;
    await expect(expand(text)).rejects.toThrow(/mine\.yaml:5: point 4: .*model\.kernels is 4.*odd/);
  });

  it('refuses two points that are one recipe, and a --set of the axis', async () => {
    const twice = `${HEAD}points:\n  - { label: a, set: { model.kernels: 7 } }\n  - { label: b, set: { model.kernels: [7, 7] } }`;
    await expect(expand(twice)).rejects.toThrow(/a and b are the same recipe/);
    const one = `${HEAD}points: [{ label: a, set: { model.kernels: 7 } }]`;
    await expect(expand(one, ['model.kernels=3'])).rejects.toThrow(/would be replaced/);
    await expect(expand(one, ['model.kernel=3'])).rejects.toThrow(/is not a key of a recipe/);
  });

  it('is looked for by name', async () => {
    await expect(loadSweep('tabel7')).rejects.toThrow(
      expect.objectContaining({ hint: 'Did you mean table7?' }),
    );
  });
});
