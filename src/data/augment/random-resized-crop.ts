import type { Rng } from '../../util/rng.ts';
import { roundHalfEven, type Box } from '../image/image.ts';

/** Area as a fraction of the image, and width/height; the papers use [0.08, 1] and [3/4, 4/3]. */
export interface ResizedCropConfig {
  readonly scale: readonly [number, number];
  readonly ratio: readonly [number, number];
}

const ATTEMPTS = 10;

/**
 * The box that torchvision's RandomResizedCrop would resize: up to ten draws of (area, log aspect ratio), then its position. If no draw
 * fits, the largest central box within the ratio. Pass it to `resize(image, size, size, filter, box)`.
 */
export function drawResizedCrop(config: ResizedCropConfig, rng: Rng, width: number, height: number): Box {
  const [low, high] = config.ratio;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * rng.between(...config.scale);
    const ratio = Math.exp(rng.between(Math.log(low), Math.log(high)));
    const w = roundHalfEven(Math.sqrt(area * ratio));
    const h = roundHalfEven(Math.sqrt(area / ratio));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    return { top: rng.int(height - h + 1), left: rng.int(width - w + 1), width: w, height: h };
  }
  return fallbackBox(low, high, width, height);
}

function fallbackBox(low: number, high: number, width: number, height: number): Box {
  const ratio = width / height;
  const w = ratio > high ? roundHalfEven(height * high) : width;
  const h = ratio < low ? roundHalfEven(width / low) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
