import { InferenceSession } from '../../models/inference.ts';
import type { Model } from '../../models/model.ts';
import { attentionMapTap } from '../../models/vit.ts';
import { field, integer } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import { Z95 } from '../metrics/accuracy.ts';
import type { Curve } from '../scoring/curve.ts';
import type { Metric } from '../scoring/metric.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { evenImages, inGroups, measureGroups, type Measure } from './measure-images.ts';
import { plainResult, type Found } from './plain-result.ts';

const settings = {
  images: field(integer({ min: 1 }), 128, 'Images, evenly spaced.'),
} as const;

const GROUP = 16;

/**
 * Mean distance between a patch and the patches it attends to, weighted by the attention (Raghu et al. 2021): a mean over the queries of an image.
 * The class token is left out on both sides; what falls on it is taken from the weights' sum.
 * @param map probabilities (tokens, tokens) of one head, the class token first
 * @param patch side of a patch; distances are in its unit
 */
export function attentionDistance(map: ArrayLike<number>, tokens: number, patch: number): number {
  const side = Math.sqrt(tokens - 1);
  let mean = 0;
  for (let q = 0; q < tokens - 1; q++) {
    let [sum, total] = [0, 0];
    for (let k = 0; k < tokens - 1; k++) {
      const weight = map[(q + 1) * tokens + k + 1] as number;
      sum += weight * Math.hypot(Math.floor(q / side) - Math.floor(k / side), (q % side) - (k % side));
      total += weight;
    }
    mean += total === 0 ? 0 : sum / total;
  }
  return (patch * mean) / (tokens - 1);
}

/** The transformer's blocks, whole. */
function blocksOf({ name, family, blocks }: Model): string[] {
  if (family === 'vit' || family === 'dino')
    return [...new Set(blocks.map(({ name: own, whole }) => whole ?? own))];
  throw new FrameworkError('analysis/no-attention', `${name} has no attention between patches.`, {
    hint: 'Of ConvNets the kernel distance says how far they look.',
  });
}

/** One row an image: blocks by heads. */
function distances(session: InferenceSession, blocks: readonly string[], patch: number): Measure {
  return async (batches) => {
    const rows: number[][] = [];
    for await (const { x, n } of batches) {
      session.run(x, n);
      const own = Array.from({ length: n }, (): number[] => []);
      for (const block of blocks) {
        const { data, shape } = await session.tap(attentionMapTap(block));
        const [, heads = 0, tokens = 0] = shape;
        for (let i = 0; i < n; i++)
          for (let head = 0; head < heads; head++) {
            const at = (i * heads + head) * tokens * tokens;
            own[i]?.push(attentionDistance(data.subarray(at, at + tokens * tokens), tokens, patch));
          }
      }
      rows.push(...own);
    }
    return rows;
  };
}

/** Heads of each block, sorted. */
function foundOf(rows: readonly (readonly number[])[], blocks: readonly string[]): Found {
  const heads = (rows[0]?.length ?? 0) / blocks.length;
  const shown = new Set([...blocks.slice(0, 2), ...blocks.slice(-2)]);
  const curves = blocks.map((name, b): Curve => {
    const of = Array.from({ length: heads }, (_, head) =>
      meanOf(rows.map((row) => row[b * heads + head] as number)),
    );
    const points = of
      .sort((p, q) => p.y - q.y)
      .map((point, rank) => ({ x: heads === 1 ? 0 : rank / (heads - 1), ...point }));
    return { name, plot: 'attention-distance', ...(!shown.has(name) && { isDetail: true as const }), points };
  });
  const metrics = curves.map(({ name, points }): Metric => ({
    id: `distance ${name}`,
    label: `${name}, mean distance`,
    protocol: 'pixels of the image, mean over heads',
    value: points.reduce((sum, { y }) => sum + y, 0) / points.length,
    unit: '',
    better: 'higher',
  }));
  const plot = {
    id: 'attention-distance',
    title: 'Distance of attention',
    xLabel: 'head, sorted, last = 1',
    yLabel: 'distance, pixels of the image',
    yMin: 0,
  };
  return { metrics, curves, plots: [plot] };
}

function meanOf(values: readonly number[]) {
  const y = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - y) ** 2, 0) / Math.max(1, values.length - 1);
  const half = Z95 * Math.sqrt(variance / values.length);
  return values.length === 1 ? { y } : { y, low: y - half, high: y + half };
}

async function run(context: AnalysisContext, chosen: Settings<typeof settings>) {
  const { model, batch, imageSize } = context;
  const blocks = blocksOf(model);
  const images = await evenImages(context, chosen.images);
  try {
    const named = { id: 'attention-distance', name: 'Attention distance', settings: settingWords(chosen) };
    return await plainResult(context, named, images, async (store): Promise<Found> => {
      const { device, weights } = await context.onDevice();
      const shape = { batch, channels: model.config.channels, imageSize };
      const session = await InferenceSession.create(device, weights, shape, {
        taps: blocks.map(attentionMapTap),
      });
      const measure = distances(session, blocks, Number(model.config['patch']));
      const groups = inGroups(images.items, GROUP);
      const { rows, failures } = await measureGroups(context, store, images.part, groups, measure).finally(
        () => {
          session.destroy();
        },
      );
      return { ...foundOf(rows, blocks), failures };
    });
  } finally {
    await images.close();
  }
}

/** Mean attention distance of vision transformers, beside the kernel distance of ConvNets. */
export const attentionDistances = defineAnalysis({
  id: 'attention-distance',
  name: 'Attention distance',
  description: 'how far the heads of a vision transformer look (Raghu et al. 2021)',
  needs: 'images',
  settings,
  presets: {},
  run,
  plan: async (context, { images }) => {
    const found = await evenImages(context, images);
    await found.close();
    const count = found.items.length;
    return { points: 1, images: count, passes: count };
  },
});
