import type { Normalization } from '../../data/normalization.ts';
import { dropPatches, type PatchDrop } from './patches.ts';
import { addNoise, type BandNoise } from './noise-band.ts';

/** What an analysis does to a model's input. Plain data: a worker thread can be sent it. */
export type InputChange = PatchDrop | BandNoise;

/** The image that is changed. */
export interface ChangedImage extends Normalization {
  /** Side in pixels. */
  readonly imageSize: number;
  /** Of the image: names its random draws, whatever the batch and the number of threads. */
  readonly number: number;
}

/** Changes one normalised image (3, imageSize, imageSize) in place. */
export function changeInput(x: Float32Array, change: InputChange, image: ChangedImage): void {
  if (change.kind === 'patches') dropPatches(x, change, image);
  else addNoise(x, change, image);
}
