/** The image transforms a recipe describes, in the shape `src/data/transform.ts` takes. */
import type { Recipe } from './schema.ts';

/** How training images are prepared. */
export function augmentConfig({ augment }: Recipe) {
  const {
    crop: kind,
    scale,
    ratio,
    padding,
    interpolation,
    flip,
    colorJitter,
    autoAugment,
    erasing,
  } = augment;
  const crop =
    kind === 'random-resized'
      ? ({ kind, scale, ratio } as const)
      : kind === 'pad-crop'
        ? ({ kind, padding } as const)
        : ({ kind } as const);
  return {
    crop,
    interpolation,
    flip,
    colorJitter,
    autoAugment,
    erasing: erasing.prob > 0 ? erasing : null,
  } as const;
}

/** How evaluation images are prepared. */
export function evalConfig({ evaluation }: Recipe) {
  const { resize, crop, squash, interpolation } = evaluation;
  return { resize, crop, squash, interpolation } as const;
}
