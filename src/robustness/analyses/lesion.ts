import type { Block, Model } from '../../models/model.ts';
import { choice, field, integer } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import { defineAnalysis, settingWords, type Settings } from './analysis.ts';
import { percent } from '../scoring/metric.ts';
import { planSweep, runSweep, type SweepPoint } from './sweep.ts';

const settings = {
  unit: field(
    choice('block', 'half'),
    'block',
    'What is removed at once: a block, or one of its halves (large kernel or feed-forward, attention or MLP).',
  ),
  candidates: field(
    choice('all', 'released'),
    'all',
    '`all` blocks that keep the shape of their input; `released`: of RepLKNet those of the third stage, of others all.',
    { source: 'Lauch1ng/LKRobust: lession_study' },
  ),
  mode: field(
    choice('random', 'single', 'prefix', 'suffix'),
    'random',
    '`random` samples of each size; `single` each block alone; `prefix` and `suffix` the first and the last ones.',
  ),
  samples: field(
    integer({ min: 1, max: 1000 }),
    10,
    'Samples of each size; all of them where there are no more.',
  ),
  most: field(integer({ min: 1, max: 1000 }), 1000, 'Remove at most so many.'),
  seed: field(integer({ min: 0 }), 0, 'Of the samples.'),
} as const;

type LesionSettings = Settings<typeof settings>;

/** What is removed as one: the names of its blocks. */
export interface LesionUnit {
  readonly blocks: readonly string[];
  readonly stage: number;
  readonly removable: boolean;
}

/** The units of a model: all of them, also those that cannot be removed. */
export function lesionUnits({ blocks }: Pick<Model, 'blocks'>, unit: LesionSettings['unit']): LesionUnit[] {
  const units = new Map<string, Block[]>();
  for (const block of blocks) {
    const key = unit === 'block' ? (block.whole ?? block.name) : block.name;
    units.set(key, [...(units.get(key) ?? []), block]);
  }
  return [...units.values()].map((members) => ({
    blocks: members.map(({ name }) => name),
    stage: members[0]?.stage ?? 0,
    removable: members.every(({ removable }) => removable),
  }));
}

/** Sets of n of `count` things: every one where there are at most `samples`, otherwise different ones, drawn. Ascending each. */
export function subsets(count: number, n: number, samples: number, rng: Rng): number[][] {
  const all = combinations(count, n, samples + 1);
  if (all.length <= samples) return all;
  const drawn = new Map<string, number[]>();
  while (drawn.size < samples) {
    const set = Array.from(rng.permutation(count).subarray(0, n)).sort((a, b) => a - b);
    drawn.set(set.join(), set);
  }
  return [...drawn.values()];
}

/** The first `most` sets of n of `count`, in order. */
function combinations(count: number, n: number, most: number): number[][] {
  const found: number[][] = [];
  const extend = (set: readonly number[], from: number): void => {
    if (found.length >= most) return;
    if (set.length === n) found.push([...set]);
    else for (let i = from; i <= count - (n - set.length); i++) extend([...set, i], i + 1);
  };
  extend([], 0);
  return found;
}

function pointsOf(model: Model, chosen: LesionSettings): SweepPoint[] {
  const { unit, candidates, mode, samples, most, seed } = chosen;
  const units = lesionUnits(model, unit);
  const isThird = candidates === 'released' && model.family === 'replknet';
  const places = units.flatMap(({ removable, stage }, place) =>
    removable && (!isThird || stage === 2) ? [place] : [],
  );
  if (places.length === 0)
    throw new FrameworkError('analysis/no-blocks', `${model.name} has no block that can be left out`, {
      hint: 'a lesion needs residual blocks that keep the shape of their input',
    });
  const point = (set: readonly number[], x: number, repetition: number): SweepPoint => ({
    series: mode === 'single' ? 'single' : 'removed',
    x,
    repetition,
    ...removed(set.flatMap((i) => units[places[i] as number]?.blocks ?? [])),
  });
  const removed = (names: readonly string[]) => ({
    skip: new Set(names),
    note: `of ${units.length} without ${names.join(', ')}`,
  });
  const share = (n: number) => Number((n / units.length).toFixed(6));
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  if (mode === 'single') return places.map((place, i) => point([i], share(place + 1), 0));
  return range(Math.min(most, places.length)).flatMap((before) => {
    const n = before + 1;
    if (mode === 'prefix') return [point(range(n), share(n), 0)];
    if (mode === 'suffix')
      return [
        point(
          range(n).map((i) => places.length - 1 - i),
          share(n),
          0,
        ),
      ];
    const sets = subsets(places.length, n, samples, new Rng(seed, 'lesion', n));
    return sets.map((set, repetition) => point(set, share(n), repetition));
  });
}

/** Section 4.3 of the paper, Fig. 7: blocks are taken out of a trained network, their skip connections stay. */
export const lesion = defineAnalysis({
  id: 'lesion',
  name: 'Lesion',
  description: 'accuracy without some of the residual blocks (Fig. 7)',
  needs: 'images',
  settings,
  presets: { paper: {}, released: { candidates: 'released' } },
  conditions: [
    { keys: ['samples', 'seed'], words: 'with mode random', holds: ({ mode }) => mode === 'random' },
    { keys: ['most'], words: 'where more than one is removed', holds: ({ mode }) => mode !== 'single' },
  ],
  run: (context, chosen) => {
    const isSingle = chosen.mode === 'single';
    const points = pointsOf(context.model, chosen);
    return runSweep(context, {
      id: 'lesion',
      name: 'Lesion',
      settings: settingWords(chosen),
      points,
      beginsClean: !isSingle,
      plots: [
        {
          id: isSingle ? 'single' : 'removed',
          title: isSingle ? 'Without one block' : 'Without some of the blocks',
          xLabel: isSingle ? 'place of the block, last = 1' : 'share of the blocks removed',
          yLabel: 'top-1, %',
          band: isSingle ? 'interval' : 'range',
          yMin: 0,
          yMax: 100,
        },
      ],
      metrics: (curves) =>
        curves
          .filter(({ name }) => name === 'removed')
          .flatMap(({ points: found }) => found.filter(({ x }) => Math.abs(x - 1 / 3) < 1e-6))
          .map(({ y, low, high }) =>
            percent(
              {
                id: 'lesion-third',
                label: 'top-1 without a third of the blocks',
                protocol: chosen.candidates,
                better: 'higher',
              },
              y / 100,
              {
                ...(low === undefined ? {} : { low: low / 100 }),
                ...(high === undefined ? {} : { high: high / 100 }),
              },
            ),
          ),
    });
  },
  points: ({ model }, chosen) => pointsOf(model, chosen).length,
  plan: (context, chosen) => planSweep(context, pointsOf(context.model, chosen)),
});
