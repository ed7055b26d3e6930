// y = x · scale.
// Σg² not finite: scale ← scale/2, good ← 0, skipped + 1. Else good ← good + 1, and after `interval` of them scale ← 2·scale, good ← 0.
// `used` is the scale that this step had.

/** The default of torch.amp.GradScaler. */
export const GROWTH = 2;
export const BACKOFF = 0.5;

export function scaleLossReference(x: Float64Array, scaler: Float64Array): Float64Array {
  return x.map((value) => value * (scaler[0] as number));
}

/** Updates `scaler`: scale, good, used, skipped. */
export function adjustLossScaleReference(
  squares: Float64Array,
  scaler: Float64Array,
  interval: number,
): void {
  const [scale = NaN, good = NaN, , skipped = NaN] = scaler;
  if (!Number.isFinite(squares[0])) scaler.set([scale * BACKOFF, 0, scale, skipped + 1]);
  else if (good + 1 < interval) scaler.set([scale, good + 1, scale, skipped]);
  else scaler.set([scale * GROWTH, 0, scale, skipped]);
}
