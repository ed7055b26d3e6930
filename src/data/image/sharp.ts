import sharp from 'sharp';

// Loader workers are the parallelism; libvips must neither start threads of its own for each image nor keep decoded ones.
sharp.concurrency(1);
sharp.cache(false);

/** Pixels that an image may have, as for Pillow, which calls more a decompression bomb: a few bytes of PNG may announce terabytes. */
export const MAX_PIXELS = 178_956_970;

export { sharp };
