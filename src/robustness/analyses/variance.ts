import { InferenceSession } from '../../models/inference.ts';
import { boolean, choice, field, integer } from '../../schema/fields.ts';
import { Rng } from '../../util/rng.ts';
import { Z95 } from '../metrics/accuracy.ts';
import type { Part } from '../benchmarks/images/parts.ts';
import type { Curve, Plot } from '../scoring/curve.ts';
import type { Metric } from '../scoring/metric.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { mapReader, mapTaps, type MapTap } from './maps.ts';
import { chosenImages, evenImages, inGroups, measureGroups, type Measure } from './measure-images.ts';
import { plainResult, type Found } from './plain-result.ts';

const settings = {
  images: field(integer({ min: 1 }), 64, 'Images, evenly spaced; of `batchMean` those of a batch.'),
  reduce: field(
    choice('perImage', 'batchMean'),
    'perImage',
    'The variance of each image’s maps, or as in the released code that of the mean map of a batch.',
    { source: 'xxxnell/how-do-vits-work: featuremap_variance; Lauch1ng/LKRobust: feature_map_variance' },
  ),
  sweeps: field(integer({ min: 1, max: 1000 }), 1, 'Of `batchMean`: batches, drawn from the pool.'),
  pool: field(integer({ min: 0 }), 0, 'Of `batchMean`: only the first so many images; 0 for all.'),
  granularity: field(
    choice('layer', 'block'),
    'layer',
    '`layer`: the outputs of stem, blocks, halves of blocks and transitions; `block`: of whole blocks alone.',
  ),
  scale: field(
    choice('none', 'meanSquare'),
    'none',
    '`meanSquare` divides by the mean square, so that networks of different scales can be compared.',
  ),
  unbiased: field(boolean, true, 'Divide by the number of positions less one.'),
  dropLast: field(boolean, false, 'Leave out the last point, as the released code does.'),
  seed: field(integer({ min: 0 }), 0, 'Of the batches of `batchMean`.'),
} as const;

type VarianceSettings = Settings<typeof settings>;

/** Mean over channels of the variance over positions of the maps (c, positions) that `read` gives. */
export function mapVariance(
  { channels, positions }: Pick<MapTap, 'channels' | 'positions'>,
  read: (c: number, at: number) => number,
  { unbiased, scale }: Pick<VarianceSettings, 'unbiased' | 'scale'>,
): number {
  let [variances, squares] = [0, 0];
  for (let c = 0; c < channels; c++) {
    let mean = 0;
    for (let at = 0; at < positions; at++) mean += read(c, at);
    mean /= positions;
    let sum = 0;
    for (let at = 0; at < positions; at++) sum += (read(c, at) - mean) ** 2;
    variances += sum / Math.max(1, unbiased ? positions - 1 : positions);
    squares += sum / positions + mean * mean;
  }
  if (scale === 'meanSquare') return squares === 0 ? 0 : variances / squares;
  return variances / channels;
}

/** One row an image: the variance at each tap. */
function perImage(session: InferenceSession, taps: readonly MapTap[], chosen: VarianceSettings): Measure {
  return async (batches) => {
    const rows: number[][] = [];
    for await (const { x, n } of batches) {
      session.run(x, n);
      const values = await tapValues(session, taps);
      for (let i = 0; i < n; i++)
        rows.push(
          taps.map((tap, t) => {
            const read = mapReader(tap, values[t] as Float32Array);
            return mapVariance(tap, (c, at) => read(i, c, at), chosen);
          }),
        );
    }
    return rows;
  };
}

/** One row a batch: the variance of the mean map at each tap. */
function ofMeanMap(session: InferenceSession, taps: readonly MapTap[], chosen: VarianceSettings): Measure {
  return async (batches) => {
    const sums = taps.map(({ channels, positions }) => new Float64Array(channels * positions));
    let count = 0;
    for await (const { x, n } of batches) {
      session.run(x, n);
      const values = await tapValues(session, taps);
      for (const [t, tap] of taps.entries()) {
        const read = mapReader(tap, values[t] as Float32Array);
        const sum = sums[t] as Float64Array;
        for (let i = 0; i < n; i++)
          for (let k = 0; k < sum.length; k++)
            sum[k] = (sum[k] as number) + read(i, Math.floor(k / tap.positions), k % tap.positions);
      }
      count += n;
    }
    const mean = (sum: Float64Array, positions: number) => (c: number, at: number) =>
      (sum[c * positions + at] as number) / count;
    return [taps.map((tap, t) => mapVariance(tap, mean(sums[t] as Float64Array, tap.positions), chosen))];
  };
}

async function tapValues(session: InferenceSession, taps: readonly MapTap[]): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const { name } of taps) values.push((await session.tap(name)).data);
  return values;
}

/** Batches drawn from the first images, each a permutation's first ones. */
function draws(part: Part, { images, sweeps, pool, seed }: VarianceSettings): number[][] {
  const from = pool === 0 ? part.keys.length : Math.min(pool, part.keys.length);
  return Array.from({ length: sweeps }, (_, sweep) =>
    Array.from(new Rng(seed, 'variance', sweep).permutation(from).subarray(0, images)),
  );
}

/** Curves over depth, as they are and divided by their largest value. */
export function varianceCurves(rows: readonly (readonly number[])[]): Curve[] {
  const [first = []] = rows;
  const points = first.map((_, t) => {
    const values = rows.map((row) => row[t] as number);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance =
      values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
    const half = Z95 * Math.sqrt(variance / values.length);
    const x = first.length === 1 ? 0 : t / (first.length - 1);
    return { x, y: mean, ...(values.length > 1 && { low: mean - half, high: mean + half }) };
  });
  const top = Math.max(...points.map(({ y }) => y)) || 1;
  const scaled = points.map(({ x, y, ...ends }) => ({
    x,
    y: y / top,
    ...(ends.low !== undefined && { low: ends.low / top }),
    ...(ends.high !== undefined && { high: ends.high / top }),
  }));
  return [
    { name: 'variance', plot: 'variance', points },
    { name: 'variance, largest = 1', plot: 'variance-scaled', points: scaled },
  ];
}

const AXES = { xLabel: 'depth, last block = 1', yMin: 0 } as const;
const PLOTS: readonly Plot[] = [
  { id: 'variance', title: 'Variance of feature maps', yLabel: 'variance', ...AXES },
  {
    id: 'variance-scaled',
    title: 'Variance of feature maps, largest = 1',
    yLabel: 'variance / largest',
    ...AXES,
  },
];

/** The output of a block, or of the last half of one. */
function isWhole({ blocks }: AnalysisContext['model'], name: string): boolean {
  const block = blocks.find((each) => each.name === name);
  const halves = blocks.filter(({ whole }) => whole !== undefined && whole === block?.whole);
  return block !== undefined && (block.whole === undefined || halves.at(-1) === block);
}

async function run(context: AnalysisContext, chosen: VarianceSettings) {
  const { model, batch, imageSize } = context;
  const isMean = chosen.reduce === 'batchMean';
  const images = isMean
    ? await chosenImages(context, (part) => draws(part, chosen).flat(), 'drawn from the first images')
    : await evenImages(context, chosen.images);
  const taps = mapTaps(model, context).filter(
    ({ name }) => chosen.granularity === 'layer' || isWhole(model, name),
  );
  const shown = chosen.dropLast ? taps.slice(0, -1) : taps;
  try {
    const named = { id: 'variance', name: 'Feature-map variance', settings: settingWords(chosen) };
    return await plainResult(context, named, images, async (store): Promise<Found> => {
      const { device, weights } = await context.onDevice();
      const shape = { batch, channels: model.config.channels, imageSize };
      const session = await InferenceSession.create(device, weights, shape, {
        taps: shown.map(({ name }) => name),
      });
      const measure = (isMean ? ofMeanMap : perImage)(session, shown, chosen);
      const groups = isMean ? draws(images.part, chosen) : inGroups(images.items, GROUP);
      const { rows, failures } = await measureGroups(context, store, images.part, groups, measure).finally(
        () => {
          session.destroy();
        },
      );
      const curves = varianceCurves(rows);
      return { curves, plots: PLOTS, failures, metrics: depthMetrics(curves) };
    });
  } finally {
    await images.close();
  }
}

/** Images of a unit: what is measured again at most after a stop. Groups do not follow batches, so results do not either. */
const GROUP = 64;

/** Whether variance is low early: its mean before depth 0.4 over its largest. */
function depthMetrics([, scaled]: readonly Curve[]): Metric[] {
  const early = (scaled?.points ?? []).filter(({ x }) => x < 0.4);
  if (early.length === 0) return [];
  const value = early.reduce((sum, { y }) => sum + y, 0) / early.length;
  const label = 'mean variance before depth 0.4, largest = 1';
  return [
    { id: 'early-variance', label, protocol: `${early.length} points`, value, unit: '', better: 'lower' },
  ];
}

/** Section 4.7 of the paper, Fig. 10. (Park & Kim 2022) */
export const variance = defineAnalysis({
  id: 'variance',
  name: 'Feature-map variance',
  description: 'variance of feature maps over space, layer by layer (Fig. 10)',
  needs: 'images',
  settings,
  presets: {
    paper: {},
    released: { reduce: 'batchMean', images: 128, sweeps: 10, pool: 1280, dropLast: true },
  },
  conditions: [
    {
      keys: ['sweeps', 'pool', 'seed'],
      words: 'with reduce batchMean',
      holds: ({ reduce }) => reduce === 'batchMean',
    },
  ],
  run,
  plan: async (context, { reduce, images, sweeps }) => {
    const isMean = reduce === 'batchMean';
    const found = await evenImages(context, images);
    await found.close();
    const count = isMean ? images * sweeps : found.items.length;
    return { points: 1, images: count, passes: count };
  },
});
