import type { Normalization } from '../../data/normalization.ts';

/** The image that is changed. */
export interface ChangedImage extends Normalization {
  /** Side in pixels. */
  readonly imageSize: number;
  /** Of the image: names its random draws, whatever the batch and the number of threads. */
  readonly number: number;
}
