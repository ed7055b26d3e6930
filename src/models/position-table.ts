import { windowOf } from '../data/image/resize.ts';

/**
 * A table of position embeddings (1, 1 + from², c) for another grid: (1, 1 + to², c). The class token's row stays; the others are a map that
 * is resized as timm resizes it: bicubic, antialiased, `align_corners` false. (timm/layers/pos_embed.py: resample_abs_pos_embed)
 */
export function resamplePositions(
  table: Float32Array,
  { from, to, c }: { readonly from: number; readonly to: number; readonly c: number },
): Float32Array {
  const windows = Array.from({ length: to }, (_, i) => windowOf(from, to, 'bicubic', i));
  const resized = new Float32Array((1 + to * to) * c);
  resized.set(table.subarray(0, c));
  const sums = new Float64Array(c);
  windows.forEach((rows, y) => {
    windows.forEach((cols, x) => {
      sums.fill(0);
      rows.weights.forEach((down, i) => {
        cols.weights.forEach((across, j) => {
          const at = (1 + (rows.start + i) * from + cols.start + j) * c;
          for (let k = 0; k < c; k++)
            sums[k] = (sums[k] as number) + down * across * (table[at + k] as number);
        });
      });
      resized.set(sums, (1 + y * to + x) * c);
    });
  });
  return resized;
}
