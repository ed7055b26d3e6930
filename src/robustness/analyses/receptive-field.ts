import type { MapTap } from './maps.ts';

/**
 * Share of the image that the smallest centred square of odd side takes whose sum exceeds a share of the map's: its effective receptive field.
 * @param map (side, side)
 */
export function areaRatio(map: ArrayLike<number>, side: number, threshold: number): number {
  const centre = Math.floor(side / 2);
  let total = 0;
  const rings = new Float64Array(centre + 1);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const value = map[y * side + x] as number;
      const ring = Math.max(Math.abs(y - centre), Math.abs(x - centre));
      rings[ring] = (rings[ring] as number) + value;
      total += value;
    }
  let sum = 0;
  for (let i = 0; i < centre; i++) {
    sum += rings[i] as number;
    if (sum > threshold * total) return ((2 * i + 1) / side) ** 2;
  }
  return 1;
}

/** The gradient of Σ relu(value at the centre) over channels: 1 where the value is positive. */
export function centralCotangent(
  values: Float32Array,
  { channels, positions, extra, layout }: MapTap,
  n: number,
): Float32Array {
  const out = new Float32Array(values.length);
  const side = Math.sqrt(positions);
  const centre = Math.floor(side / 2) * side + Math.floor(side / 2);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < channels; c++) {
      const at =
        layout === 'channels'
          ? (i * channels + c) * positions + centre
          : (i * (positions + extra) + extra + centre) * channels + c;
      out[at] = (values[at] as number) > 0 ? 1 : 0;
    }
  return out;
}
