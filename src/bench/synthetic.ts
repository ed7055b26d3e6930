/** A micro-batch of made-up images. */
export interface SyntheticBatch {
  /** (images, 3, size, size), values of −2 to 2. */
  readonly x: Float32Array;
  /** (images, classes), one-hot. */
  readonly targets: Float32Array;
}

/** The same images each time, one after the other of each class. @param imageElems numbers of an image */
export function syntheticBatch(images: number, imageElems: number, classes: number): SyntheticBatch {
  const x = Float32Array.from({ length: images * imageElems }, (_, i) => (((i * 37) % 256) - 128) / 64);
  const targets = new Float32Array(images * classes);
  for (let i = 0; i < images; i++) targets[i * classes + (i % classes)] = 1;
  return { x, targets };
}
