/** The module: what the loader calls for every pixel. src/util/wasm.ts lays out memory, passes addresses and knows the meaning. */
export { affineBicubic, affineBilinear, affineNearest } from './affine';
export { blend, greySum, histograms, mapChannels, sharpen } from './colour';
export { decodeScan, makeTable, unstuff } from './jpeg';
export { coloursOf, greysOf } from './jpeg-colour';
export { flip, passHorizontal, passVertical, toPlanes } from './pixels';
export { uniforms } from './random';

/** The first byte that no constant of the module occupies. */
export function heapBase(): usize {
  return __heap_base;
}
