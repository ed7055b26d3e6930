import type { Rng } from '../../util/rng.ts';
import type { Image } from '../image/image.ts';
import { brightness, color, contrast } from './pillow-ops.ts';

const ENHANCERS = { brightness, contrast, color } as const;

/** The three enhancers in the order they are applied, each with its factor. */
export type JitterPlan = readonly { readonly op: keyof typeof ENHANCERS; readonly factor: number }[];

/**
 * torchvision's ColorJitter(strength, strength, strength) as timm uses it: brightness, contrast and saturation factors uniform in
 * [max(0, 1 − strength), 1 + strength], in random order, no hue.
 */
export function drawJitter(strength: number, rng: Rng): JitterPlan {
  const low = Math.max(0, 1 - strength);
  const high = 1 + strength;
  const ops = (['brightness', 'contrast', 'color'] as const).map((op) => ({
    op,
    factor: rng.between(low, high),
  }));
  return Array.from(rng.permutation(ops.length), (i) => ops[i] as JitterPlan[number]);
}

export function applyJitter(plan: JitterPlan, image: Image): Image {
  return plan.reduce((current, { op, factor }) => ENHANCERS[op](current, factor), image);
}
