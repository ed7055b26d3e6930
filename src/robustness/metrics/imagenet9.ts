import { argmax } from './accuracy.ts';
import { imagenet9Classes } from './normalisers.ts';

/**
 * Coarse class 0 … 8 predicted by a 1000-class model: arg-max over all 1000, then the map; −1 (always wrong) for the 630
 * classes that belong to none of the nine. 9-class models are compared directly.
 */
export function predictImagenet9(logits: ArrayLike<number>): number {
  const best = argmax(logits);
  return logits.length === 9 ? best : (imagenet9Classes().map_1k_to_9[best] as number);
}

/** BG-Gap = Mixed-Same − Mixed-Rand, from unrounded accuracies. Small is good only beside a good accuracy. */
export function backgroundGap(mixedSame: number, mixedRand: number): number {
  return mixedSame - mixedRand;
}
