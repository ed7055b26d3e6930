const STRAIGHT = 1;
const DIAGONAL = 1.4;
const KNIGHT = 2.1969;

/** [dy, dx, cost] of the neighbours above and to the left; the second pass uses their mirror images. */
const MASK: readonly (readonly [number, number, number])[] = [
  [-2, -1, KNIGHT],
  [-2, 1, KNIGHT],
  [-1, -2, KNIGHT],
  [-1, -1, DIAGONAL],
  [-1, 0, STRAIGHT],
  [-1, 1, DIAGONAL],
  [-1, 2, KNIGHT],
  [0, -1, STRAIGHT],
];

/** Distance of every pixel to the nearest non-zero pixel of `marked` (height, width): 5×5 chamfer mask, two passes. */
export function chamferDistance(marked: Uint8Array, width: number, height: number): Float64Array {
  const distance = Float64Array.from(marked, (value) => (value === 0 ? Infinity : 0));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) relax(distance, width, height, y, x, 1);
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) relax(distance, width, height, y, x, -1);
  }
  return distance;
}

function relax(
  distance: Float64Array,
  width: number,
  height: number,
  y: number,
  x: number,
  side: number,
): void {
  let best = distance[y * width + x] as number;
  for (const [dy, dx, cost] of MASK) {
    const ny = y + side * dy;
    const nx = x + side * dx;
    if (ny < 0 || ny >= height || nx < 0 || nx >= width) continue;
    best = Math.min(best, (distance[ny * width + nx] as number) + cost);
  }
  distance[y * width + x] = best;
}
