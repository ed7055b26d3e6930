import { GradientSession } from '../../models/gradients.ts';
import { field, integer, list, number, orAuto } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import { Z95 } from '../metrics/accuracy.ts';
import type { Curve } from '../scoring/curve.ts';
import { percent, type Metric } from '../scoring/metric.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { mapTaps, type MapTap } from './maps.ts';
import { evenImages, inGroups, measureGroups, type Measure } from './measure-images.ts';
import { plainResult, type Found } from './plain-result.ts';
import { areaRatio, centralCotangent } from './receptive-field.ts';

const settings = {
  images: field(integer({ min: 1 }), 50, 'Images, evenly spaced.'),
  size: field(
    orAuto(integer({ min: 8, max: 4096 })),
    'auto',
    'Side that images are warped to; `auto` is 1024, four times a small model’s, or the model’s own where it takes no other.',
    { unit: 'pixels', source: 'DingXiaoH/RepLKNet-pytorch: erf/visualize_erf.py' },
  ),
  thresholds: field(
    list(number({ min: 0, max: 1 }), 1, 64),
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99],
    'Shares of the contribution that squares must hold.',
  ),
} as const;

type ErfSettings = Settings<typeof settings>;

/** Jackknife groups: each left out once, for the intervals. */
const GROUPS = 10;

/** The map as RepLKNet's authors have it, log10(map + 1), which depends on the scale of the gradients; and the map itself. */
const MAPS = [
  { name: 'log10(contribution + 1)', of: (value: number) => Math.log10(value + 1) },
  { name: 'contribution', of: (value: number) => value },
] as const;

/** Every ratio of the mean of some maps: maps by thresholds. */
function ratiosOf(
  maps: readonly (readonly number[])[],
  counts: readonly number[],
  side: number,
  thresholds: readonly number[],
) {
  const images = counts.reduce((sum, count) => sum + count, 0);
  const mean = new Float64Array(side * side);
  for (const map of maps)
    for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) + (map[i] as number) / images;
  return MAPS.map(({ of }) => {
    const scaled = mean.map(of);
    return thresholds.map((threshold) => areaRatio(scaled, side, threshold));
  });
}

/** Sums of the contribution maps of a group, (side, side), and the number of images before them. */
function contributions(session: GradientSession, tap: MapTap, side: number): Measure {
  return async (batches) => {
    const sum = new Float64Array(side * side);
    let images = 0;
    for await (const { x, n } of batches) {
      const { dx } = await session.pullback(x, n, (values) => centralCotangent(values, tap, n));
      for (let i = 0; i < n; i++) {
        const own = dx.subarray(i * 3 * side * side, (i + 1) * 3 * side * side);
        if (own.some(Number.isNaN)) continue; // as visualize_erf.py does
        images++;
        for (let at = 0; at < own.length; at++) {
          const place = at % (side * side);
          sum[place] = (sum[place] as number) + Math.max(0, own[at] as number);
        }
      }
    }
    return [[images, ...Array.from(sum, (value) => Number(value.toPrecision(9)))]];
  };
}

/** The same context with images warped to the side that is asked for. */
function warped(context: AnalysisContext, { size }: ErfSettings): AnalysisContext {
  const { model, imageSize, about } = context;
  const usual = model.fixedSize ? imageSize : imageSize < 128 ? 4 * imageSize : 1024;
  const side = size === 'auto' ? usual : size;
  if (model.fixedSize && side !== imageSize)
    throw new FrameworkError(
      'model/image-size',
      `${model.name} takes images of ${imageSize} px, not ${side}.`,
      {
        hint: 'Leave --size out.',
      },
    );
  const evalConfig = { resize: side, crop: side, squash: true, interpolation: 'bicubic' } as const;
  return { ...context, imageSize: side, about: { ...about, evalConfig } };
}

async function run(given: AnalysisContext, chosen: ErfSettings) {
  const context = warped(given, chosen);
  const { model, batch, imageSize: side } = context;
  const images = await evenImages(context, chosen.images);
  try {
    const named = { id: 'erf', name: 'Effective receptive field', settings: settingWords(chosen) };
    return await plainResult(context, named, images, async (store): Promise<Found> => {
      const { device, weights } = await context.onDevice();
      const tap = mapTaps(model, context).at(-1);
      if (tap === undefined)
        throw new FrameworkError(
          'analysis/no-maps',
          `${model.name} has no feature map before its classifier.`,
        );
      const groups = inGroups(images.items, Math.ceil(images.items.length / GROUPS));
      // A group is measured on its own: places beyond its images would be computed in vain.
      const most = Math.min(batch, groups[0]?.length ?? 1);
      const shape = { batch: most, channels: model.config.channels, imageSize: side };
      const session = await GradientSession.create(device, weights, shape, { of: tap.name });
      const measure = contributions(session, tap, side);
      const { rows, failures } = await measureGroups(context, store, images.part, groups, measure).finally(
        () => {
          session.destroy();
        },
      );
      return { ...foundOf(rows, side, chosen.thresholds), failures };
    });
  } finally {
    await images.close();
  }
}

/** Ratios with intervals by the jackknife over groups. */
function foundOf(rows: readonly (readonly number[])[], side: number, thresholds: readonly number[]): Found {
  const counts = rows.map(([count = 0]) => count);
  const maps = rows.map((row) => row.slice(1));
  const whole = ratiosOf(maps, counts, side, thresholds);
  const without = rows.map((_, left) =>
    ratiosOf(
      maps.filter((__, i) => i !== left),
      counts.filter((__, i) => i !== left),
      side,
      thresholds,
    ),
  );
  const curves = MAPS.map(({ name }, m): Curve => ({
    name,
    plot: 'erf',
    points: thresholds.map((x, t) => {
      const y = 100 * ((whole[m] as number[])[t] as number);
      return {
        x: 100 * x,
        y,
        ...jackknife(
          without.map((ratios) => 100 * ((ratios[m] as number[])[t] as number)),
          y,
        ),
      };
    }),
  }));
  const metrics = curves.flatMap(({ name, points }) =>
    points.map(({ x, y, low, high }): Metric => {
      const range = {
        ...(low !== undefined && { low: low / 100 }),
        ...(high !== undefined && { high: high / 100 }),
      };
      const id = `erf-${Number(x.toFixed(6))}${name === 'contribution' ? '-raw' : ''}`;
      return percent(
        {
          id,
          label: `area of ${Number(x.toFixed(6))} % of the contribution`,
          protocol: name,
          better: 'higher',
        },
        y / 100,
        range,
      );
    }),
  );
  const plot = {
    id: 'erf',
    title: 'Effective receptive field',
    xLabel: 'share of the contribution, %',
    yLabel: 'share of the image, %',
  };
  return { metrics, curves, plots: [{ ...plot, yMin: 0, yMax: 100 }] };
}

function jackknife(values: readonly number[], whole: number) {
  const g = values.length;
  if (g < 3) return {};
  const mean = values.reduce((sum, value) => sum + value, 0) / g;
  const variance = ((g - 1) / g) * values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const half = Z95 * Math.sqrt(variance);
  return { low: Math.max(0, whole - half), high: Math.min(100, whole + half) };
}

/** Effective receptive field (Luo et al. 2016; Ding et al. 2022): which pixels the centre of the last feature map depends on. */
export const erf = defineAnalysis({
  id: 'erf',
  name: 'Effective receptive field',
  description: 'which part of the image the centre of the last feature map depends on (Ding et al. 2022)',
  needs: 'images',
  settings,
  presets: { released: { images: 50, size: 1024 } },
  run,
  plan: async (context, { images }) => {
    const found = await evenImages(context, images);
    await found.close();
    const count = found.items.length;
    return { points: 1, images: count, passes: 3 * count };
  },
});
