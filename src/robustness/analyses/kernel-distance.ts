import type { Model } from '../../models/model.ts';
import { mergeLargeKernels, type NamedArray } from '../../models/merge.ts';
import { boolean, choice, field } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { Curve } from '../scoring/curve.ts';
import type { Metric } from '../scoring/metric.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { WEIGHTS_ALONE, plainResult, type Found } from './plain-result.ts';

const settings = {
  normaliseBy: field(
    choice('absSum', 'none'),
    'absSum',
    'What the weighted sum of distances is divided by: the sum of the weights, or nothing as in the released code.',
    { source: 'Lauch1ng/LKRobust: kernel_attention_pattern' },
  ),
  weights: field(
    choice('large', 'merged'),
    'large',
    'The large kernel as trained, or with BatchNorm and the small kernel folded in.',
  ),
  weighting: field(choice('abs', 'square'), 'abs', 'Of a tap: its magnitude, or its square.'),
  effectiveOnly: field(
    boolean,
    false,
    'Leave out taps that only ever meet padding at the model’s image size.',
  ),
} as const;

type DistanceSettings = Settings<typeof settings>;

/** Kernels (c, 1, kh, kw) of one layer. */
export interface KernelLayer {
  readonly name: string;
  readonly stage: number;
  readonly c: number;
  readonly kh: number;
  readonly kw: number;
  readonly data: ArrayLike<number>;
}

/**
 * Mean distance of a kernel's taps from its centre, weighted by their magnitude (Fig. 9): one number for each channel, in pixels of the
 * feature map. A uniform 3×3 kernel has 1.0730, all weight at the centre has 0.
 * @param reach taps farther than this along an axis are left out
 */
export function kernelDistances(
  { c, kh, kw, data }: Pick<KernelLayer, 'c' | 'kh' | 'kw' | 'data'>,
  { normaliseBy, weighting }: Pick<DistanceSettings, 'normaliseBy' | 'weighting'>,
  reach = Infinity,
): Float64Array {
  const [cy, cx] = [(kh - 1) / 2, (kw - 1) / 2];
  const out = new Float64Array(c);
  for (let channel = 0; channel < c; channel++) {
    let [sum, total] = [0, 0];
    for (let j = 0; j < kh; j++)
      for (let k = 0; k < kw; k++) {
        if (Math.abs(j - cy) > reach || Math.abs(k - cx) > reach) continue;
        const value = Math.abs(data[(channel * kh + j) * kw + k] as number);
        const weight = weighting === 'abs' ? value : value * value;
        sum += weight * Math.hypot(j - cy, k - cx);
        total += weight;
      }
    out[channel] = normaliseBy === 'none' ? sum : total === 0 ? 0 : sum / total;
  }
  return out;
}

/** The depthwise kernels of a model's blocks, in order: of parallel branches the large one, of two strips both. */
export function kernelLayers(
  model: Pick<Model, 'name' | 'blocks' | 'parameters'>,
  values: ReadonlyMap<string, Float32Array>,
  weights: DistanceSettings['weights'],
): KernelLayer[] {
  const shapes = new Map(model.parameters.map((spec) => [spec.name, spec]));
  const state = new Map<string, NamedArray>(
    [...values].map(([name, data]) => [name, { shape: shapes.get(name)?.shape ?? [data.length], data }]),
  );
  const hasBranches = [...state.keys()].some(
    (name) => name.includes('.lkb_origin.') || name.includes('.LoRA1.'),
  );
  const from = weights === 'merged' && hasBranches ? mergeLargeKernels(state) : state;
  const layers = [...from].flatMap(([name, { shape, data }]): KernelLayer[] => {
    const block = model.blocks.find((each) => name.startsWith(`${each.name}.`));
    const [c = 0, per = 0, kh = 1, kw = 1] = shape;
    const isKernel = name.endsWith('.weight') && shape.length === 4 && per === 1 && kh * kw > 1 && c > 1;
    if (block === undefined || !isKernel || name.includes('.small_conv.')) return [];
    return [{ name: name.replace(/\.weight$/, ''), stage: block.stage, c, kh, kw, data }];
  });
  if (layers.length > 0) return layers;
  throw new FrameworkError(
    'analysis/no-kernels',
    `${model.name} has no depthwise convolution in its blocks.`,
    {
      hint: 'The distance is that of the kernels of ConvNeXt, SLaK, RepLKNet and the like.',
    },
  );
}

/** Taps farther from the centre than the side of the map minus one meet padding alone. */
function reachOf({ model, imageSize }: Pick<AnalysisContext, 'model' | 'imageSize'>, stage: number): number {
  const stem = Number(model.config['stemStride'] ?? 4);
  return Math.ceil(imageSize / (stem * 2 ** stage)) - 1;
}

function distances(context: AnalysisContext, chosen: DistanceSettings): Found {
  const { model, values } = context;
  const layers = kernelLayers(model, values, chosen.weights).map((layer) => ({
    ...layer,
    sorted: kernelDistances(
      layer,
      chosen,
      chosen.effectiveOnly ? reachOf(context, layer.stage) : Infinity,
    ).sort(),
  }));
  const shown = shownLayers(layers);
  const curves = layers.flatMap(({ name, sorted, kh, kw, c }): Curve[] => {
    const points = (unit: number) =>
      Array.from(sorted, (d, rank) => ({ x: c === 1 ? 0 : rank / (c - 1), y: d / unit }));
    const detail = shown.has(name) ? {} : { isDetail: true as const };
    const corner = Math.hypot((kh - 1) / 2, (kw - 1) / 2);
    return [
      { name, plot: 'kernel-distance', ...detail, points: points(corner) },
      { name, plot: 'kernel-distance-pixels', ...detail, points: points(1) },
    ];
  });
  const isMean = chosen.normaliseBy === 'absSum';
  const metrics = layers.map(({ name, sorted, kh, kw }): Metric => ({
    id: `distance ${name}`,
    label: `${kh}×${kw} kernels of ${name}, mean distance`,
    protocol: isMean ? 'pixels of the feature map' : 'sum of distance · |w|, not divided',
    value: sorted.reduce((sum, d) => sum + d, 0) / sorted.length,
    noInterval: 'no image: the weights alone',
    unit: '',
    better: 'higher',
  }));
  const axes = { xLabel: 'channel, sorted, last = 1', isDense: true as const, yMin: 0 };
  const title = 'Distance of kernel weights';
  return {
    metrics,
    curves,
    plots: [
      { id: 'kernel-distance', title, yLabel: 'distance, corner = 1', ...axes, ...(isMean && { yMax: 1 }) },
      { id: 'kernel-distance-pixels', title: `${title}, in pixels`, yLabel: 'distance, pixels', ...axes },
    ],
  };
}

/** As in Fig. 9: the first two layers of the first stage, the last two of the third, or of the last where there are fewer. */
function shownLayers(layers: readonly KernelLayer[]): Set<string> {
  const deep = Math.min(2, Math.max(...layers.map(({ stage }) => stage)));
  const of = (stage: number) => layers.filter((layer) => layer.stage === stage).map(({ name }) => name);
  return new Set([...of(Math.min(...layers.map(({ stage }) => stage))).slice(0, 2), ...of(deep).slice(-2)]);
}

/** Section 4.6 of the paper, Fig. 9. */
export const kernelDistance = defineAnalysis({
  id: 'kernel-distance',
  name: 'Kernel attention distance',
  description: 'how far from the centre the weights of depthwise kernels lie (Fig. 9)',
  needs: 'nothing',
  settings,
  presets: { paper: {}, released: { normaliseBy: 'none' } },
  run: (context, chosen) =>
    plainResult(
      context,
      { id: 'kernel-distance', name: 'Kernel attention distance', settings: settingWords(chosen) },
      WEIGHTS_ALONE,
      async () => distances(context, chosen),
    ),
  plan: async () => ({ points: 0, images: 0, passes: 0 }),
});
