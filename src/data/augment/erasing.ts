import type { Rng } from '../../util/rng.ts';
import { roundHalfEven, type Box } from '../image/image.ts';

/**
 * Random erasing (Zhong et al. 2017) with the defaults of huggingface/pytorch-image-models timm/data/random_erasing.py: boxes of 2 % to a
 * third of the area, aspect ratio 0.3 to 1/0.3, filled in the normalised tensor.
 */
export interface ErasingConfig {
  readonly prob: number;
  /** Fill: `pixel` a normal variate for every pixel and channel, `rand` one for every channel, `const` zero (the mean colour). */
  readonly mode: 'pixel' | 'const' | 'rand';
  /** Most boxes in an image; 1 … count are drawn, and share the area. */
  readonly count: number;
}

const ATTEMPTS = 10;
const AREA = [0.02, 1 / 3] as const;
const LOG_RATIO = Math.log(1 / 0.3);

export interface ErasingPlan {
  readonly mode: ErasingConfig['mode'];
  readonly boxes: readonly Box[];
}

/** The boxes to erase from a map of `height`×`width`; none with probability 1 − prob. */
export function drawErasing(config: ErasingConfig, rng: Rng, height: number, width: number): ErasingPlan {
  const { mode } = config;
  if (!rng.chance(config.prob)) return { mode, boxes: [] };
  const count = config.count > 1 ? 1 + rng.int(config.count) : config.count;
  const boxes: Box[] = [];
  for (let i = 0; i < count; i++) {
    const box = drawBox(rng, height, width, (height * width) / count);
    if (box) boxes.push(box);
  }
  return { mode, boxes };
}

function drawBox(rng: Rng, height: number, width: number, area: number): Box | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = area * rng.between(...AREA);
    const ratio = Math.exp(rng.between(-LOG_RATIO, LOG_RATIO));
    const h = roundHalfEven(Math.sqrt(target * ratio));
    const w = roundHalfEven(Math.sqrt(target / ratio));
    if (h < height && w < width)
      return { top: rng.int(height - h + 1), left: rng.int(width - w + 1), width: w, height: h };
  }
  return undefined;
}

/** Fills the boxes of the normalised image `x` (c, height, width) in place; noise is drawn in the order box, channel, row, column. */
export function applyErasing(
  { mode, boxes }: ErasingPlan,
  rng: Rng,
  x: Float32Array,
  height: number,
  width: number,
): void {
  for (const { left, top, width: w, height: h } of boxes) {
    const planes = x.length / (height * width);
    const noise = mode === 'pixel' ? rng.normals(planes * h * w) : undefined;
    for (let plane = 0, from = 0; plane < planes; plane++) {
      const colour = mode === 'rand' ? rng.normal() : 0;
      for (let y = top; y < top + h; y++, from += w) {
        const start = (plane * height + y) * width + left;
        if (noise) x.set(noise.subarray(from, from + w), start);
        else x.fill(colour, start, start + w);
      }
    }
  }
}
