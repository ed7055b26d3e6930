import { dropPatches, type PatchDrop } from './patches.ts';
import type { ChangedImage } from './changed-image.ts';
import { addNoise, type BandNoise } from './noise-band.ts';

/** What an analysis does to a model's input. Plain data: a worker thread can be sent it. */
export type InputChange = PatchDrop | BandNoise;

/** Changes one normalised image (3, imageSize, imageSize) in place. */
export function changeInput(x: Float32Array, change: InputChange, image: ChangedImage): void {
  if (change.kind === 'patches') dropPatches(x, change, image);
  else addNoise(x, change, image);
}
