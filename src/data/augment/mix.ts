import { FrameworkError } from '../../util/errors.ts';
import type { Rng } from '../../util/rng.ts';

/**
 * Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) as timm's Mixup class applies them to a micro-batch of normalised images
 * (huggingface/pytorch-image-models timm/data/mixup.py). The partner of sample j is sample n − 1 − j of the unmixed batch.
 */
export interface MixConfig {
  /** Alpha of Mixup's Beta(alpha, alpha); 0 switches it off. */
  readonly mixup: number;
  /** Alpha of CutMix's Beta(alpha, alpha); 0 switches it off. */
  readonly cutmix: number;
  /** Probability of mixing at all. */
  readonly prob: number;
  /** Probability of CutMix when both are on. */
  readonly switchProb: number;
  /** One draw for the batch, for each pair of partners, or for each sample. */
  readonly mode: 'batch' | 'pair' | 'elem';
}

/**
 * What to do with each of n samples; a device kernel can apply the same plan:
 * x'[j] = inside box j ? x[n−1−j] : blend[j]·x[j] + (1 − blend[j])·x[n−1−j], t'[j] = lambda[j]·t[j] + (1 − lambda[j])·t[n−1−j].
 */
export interface MixPlan {
  /** Weight of the sample's own label. For CutMix, the share of pixels it kept. (n) */
  readonly lambda: Float32Array;
  /** Weight of the sample's own pixels outside the box; 1 for CutMix. (n) */
  readonly blend: Float32Array;
  /** CutMix boxes as top, bottom, left, right, ends excluded; all zero for Mixup. (n, 4) */
  readonly boxes: Int32Array;
}

/** Draws a plan for `batch` images of `h`×`w`. Throws `augment/mix` if `batch` is odd or both alphas are 0. */
export function drawMix(config: MixConfig, rng: Rng, batch: number, h: number, w: number): MixPlan {
  if (batch % 2 !== 0)
    throw new FrameworkError('augment/mix', `mixing pairs samples, but the micro-batch has ${batch} of them`, {
      hint: 'use an even micro-batch, or set mixup and cutmix to 0',
    });
  if (config.mixup <= 0 && config.cutmix <= 0)
    throw new FrameworkError(
      'augment/mix',
      `mixing was asked for with mixup ${config.mixup} and cutmix ${config.cutmix}; one must be positive`,
      { hint: 'with both at 0 use label smoothing alone' },
    );
  const lambda = new Float32Array(batch).fill(1);
  const blend = new Float32Array(batch).fill(1);
  const boxes = new Int32Array(batch * 4);
  const draws = config.mode === 'batch' ? 1 : config.mode === 'pair' ? batch / 2 : batch;
  for (let i = 0; i < draws; i++) {
    const { kept, mixed, box } = drawOne(config, rng, h, w);
    for (const j of samplesOf(config.mode, i, batch)) {
      lambda[j] = kept;
      blend[j] = mixed;
      boxes.set(box, j * 4);
    }
  }
  return { lambda, blend, boxes };
}

/** The samples which draw `i` serves. */
function samplesOf(mode: MixConfig['mode'], i: number, batch: number): number[] {
  switch (mode) {
    case 'batch':
      return Array.from({ length: batch }, (_, j) => j);
    case 'pair':
      return [i, batch - 1 - i];
    case 'elem':
      return [i];
  }
}

type Four = readonly [number, number, number, number];

function drawOne(config: MixConfig, rng: Rng, h: number, w: number): { kept: number; mixed: number; box: Four } {
  if (!rng.chance(config.prob)) return { kept: 1, mixed: 1, box: [0, 0, 0, 0] };
  const isCut = config.cutmix > 0 && (config.mixup <= 0 || rng.chance(config.switchProb));
  const alpha = isCut ? config.cutmix : config.mixup;
  const drawn = rng.beta(alpha, alpha);
  if (!isCut) return { kept: drawn, mixed: drawn, box: [0, 0, 0, 0] };
  const box = cutBox(drawn, rng.int(h), rng.int(w), h, w);
  return { kept: 1 - ((box[1] - box[0]) * (box[3] - box[2])) / (h * w), mixed: 1, box };
}

/** CutMix's box of area share 1 − lambda about (cy, cx), cut at the borders: top, bottom, left, right. */
export function cutBox(lambda: number, cy: number, cx: number, h: number, w: number): Four {
  const ratio = Math.sqrt(1 - lambda);
  const halfH = Math.floor(Math.trunc(h * ratio) / 2);
  const halfW = Math.floor(Math.trunc(w * ratio) / 2);
  return [Math.max(0, cy - halfH), Math.min(h, cy + halfH), Math.max(0, cx - halfW), Math.min(w, cx + halfW)];
}

/** Mixes `x` (n, c, h, w) in place. */
export function applyMix(
  plan: MixPlan,
  x: Float32Array,
  shape: readonly [n: number, c: number, h: number, w: number],
): void {
  const [n, c, h, w] = shape;
  const size = c * h * w;
  if (x.length !== n * size || plan.lambda.length !== n)
    throw new FrameworkError(
      'augment/mix',
      `a batch of shape ${shape.join('×')} has ${n * size} values, but ${x.length} came with a plan for ${plan.lambda.length} samples`,
    );
  for (let i = 0; i < n / 2; i++) {
    const j = n - 1 - i;
    const own = x.slice(i * size, (i + 1) * size);
    mixSample(plan, i, x.subarray(i * size, (i + 1) * size), x.subarray(j * size, (j + 1) * size), h, w);
    mixSample(plan, j, x.subarray(j * size, (j + 1) * size), own, h, w);
  }
}

/** One sample (c, h, w) in place, from its unmixed partner. */
function mixSample(
  plan: MixPlan,
  j: number,
  x: Float32Array,
  partner: Float32Array,
  h: number,
  w: number,
): void {
  const blend = plan.blend[j] as number;
  if (blend !== 1) {
    const rest = Math.fround(1 - blend);
    for (let i = 0; i < x.length; i++)
      x[i] = Math.fround(blend * (x[i] as number)) + Math.fround(rest * (partner[i] as number));
  }
  const [top = 0, bottom = 0, left = 0, right = 0] = plan.boxes.subarray(j * 4, j * 4 + 4);
  if (right <= left) return;
  for (let plane = 0; plane < x.length; plane += h * w)
    for (let y = top; y < bottom; y++) {
      const from = plane + y * w;
      x.set(partner.subarray(from + left, from + right), from + left);
    }
}

/**
 * Soft targets (n, classes) of the mixed batch: each label smoothed to 1 − s + s/K on its class and s/K elsewhere, then mixed with the
 * partner's. Throws `augment/mix` for a label outside 0 … classes − 1.
 */
export function mixTargets(
  plan: MixPlan,
  labels: ArrayLike<number>,
  classes: number,
  smoothing: number,
): Float32Array {
  const n = plan.lambda.length;
  const off = smoothing / classes;
  const on = 1 - smoothing + off;
  const targets = new Float32Array(n * classes).fill(off);
  const label = (j: number): number => {
    const value = labels[j] ?? -1;
    if (!Number.isInteger(value) || value < 0 || value >= classes)
      throw new FrameworkError(
        'augment/mix',
        `sample ${j} of the batch has label ${value}, but there are ${classes} classes`,
      );
    return value;
  };
  for (let j = 0; j < n; j++) {
    const lambda = plan.lambda[j] as number;
    const own = label(j);
    const other = label(n - 1 - j);
    targets[j * classes + own] = own === other ? on : lambda * on + (1 - lambda) * off;
    if (own !== other) targets[j * classes + other] = lambda * off + (1 - lambda) * on;
  }
  return targets;
}
