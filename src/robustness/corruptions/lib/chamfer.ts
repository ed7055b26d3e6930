const STRAIGHT = 1;
const DIAGONAL = 1.4;
const KNIGHT = 2.1969;
/** Unreachable cells around the image, so no step needs a bounds check. */
const MARGIN = 2;

/** Distance of every pixel to the nearest non-zero pixel of `marked` (height, width): 5×5 chamfer mask, two passes. */
export function chamferDistance(marked: Uint8Array, width: number, height: number): Float64Array {
  const stride = width + 2 * MARGIN;
  const distance = new Float64Array(stride * (height + 2 * MARGIN)).fill(Infinity);
  const start = (y: number): number => (y + MARGIN) * stride + MARGIN;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) if (marked[y * width + x] !== 0) distance[start(y) + x] = 0;
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) relax(distance, start(y) + x, stride, 1);
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) relax(distance, start(y) + x, -stride, -1);
  }
  const out = new Float64Array(width * height);
  for (let y = 0; y < height; y++) out.set(distance.subarray(start(y), start(y) + width), y * width);
  return out;
}

/** The half mask above and to the left; with negative steps its mirror image below and to the right. */
function relax(distance: Float64Array, at: number, row: number, column: number): void {
  const knight = Math.min(
    distance[at - 2 * row - column] as number,
    distance[at - 2 * row + column] as number,
    distance[at - row - 2 * column] as number,
    distance[at - row + 2 * column] as number,
  );
  const diagonal = Math.min(distance[at - row - column] as number, distance[at - row + column] as number);
  const straight = Math.min(distance[at - row] as number, distance[at - column] as number);
  const best = Math.min(knight + KNIGHT, diagonal + DIAGONAL, straight + STRAIGHT);
  if (best < (distance[at] as number)) distance[at] = best;
}
