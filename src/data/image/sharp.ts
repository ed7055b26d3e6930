import sharp from 'sharp';

// Loader workers are the parallelism; libvips must neither start threads of its own for each image nor keep decoded ones.
sharp.concurrency(1);
sharp.cache(false);

export { sharp };
