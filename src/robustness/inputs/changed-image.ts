import type { Normalization } from '../../data/normalization.ts';

/** The image that is changed. */
export interface ChangedImage extends Normalization {
  /** Side in pixels. */
  readonly imageSize: number;
  /** The image's number: keys its random draws, whatever the batch and the number of threads. */
  readonly number: number;
}
