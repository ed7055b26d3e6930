/** From sample numbers to normalised tensors: the part of the loader that runs in a worker, or in the process itself. */
import { applyErasing, drawErasing } from './augment/erasing.ts';
import type { Dataset } from './dataset.ts';
import { inLanes } from './lanes.ts';
import { evalTransform, toTensor, trainTransform } from './transform.ts';
import type { AugmentConfig, EvalConfig } from './transform.ts';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import { withImage } from './image/decode.ts';
import type { Image } from './image/image.ts';
import type { Normalization } from './normalization.ts';

/** What happens to each image; the result is (3, size, size). Plain data, so a worker can be sent it. */
export type Pipeline = { readonly size: number; readonly normalization: Normalization } & (
  | { readonly mode: 'train'; readonly augment: AugmentConfig }
  /** Training without augmentation. */
  | { readonly mode: 'train'; readonly eval: EvalConfig }
  | { readonly mode: 'eval'; readonly eval: EvalConfig }
);

export interface RenderOptions {
  readonly pipeline: Pipeline;
  readonly seed: number;
  /**
   * What an unreadable image does. `fail`: it ends the pass. `skip`: in training the next sample takes its place, in evaluation
   * it is left out; either way it is reported.
   */
  readonly onError: 'skip' | 'fail';
  /** Samples of the data set that are used, in order; undefined = all. */
  readonly indices: Uint32Array | undefined;
}

/** Samples that go into one place of one batch. */
export interface RenderJob {
  /** (n, 3, size, size) of the whole batch. */
  readonly slot: SharedArrayBuffer;
  /** Place of the first sample in the batch. */
  readonly at: number;
  /** Positions among the samples that are used. */
  readonly items: readonly number[];
  /** Number of each sample's random stream; unused in evaluation. */
  readonly streams: readonly number[];
}

export interface Failure {
  readonly key: string;
  readonly message: string;
}

export interface RenderResult {
  /** Data set index of what stands at each place, or −1 where evaluation left a sample out. */
  readonly indices: readonly number[];
  readonly failures: readonly Failure[];
}

/** Decoding runs on the thread pool while another image is transformed here. */
const OVERLAP = 3;
/** Neighbours tried for an unreadable image before the data set is given up. */
const MAX_REPLACEMENTS = 16;
const WRONG_SIZE = 'data/wrong-size';

export type Renderer = (job: RenderJob) => Promise<RenderResult>;

/** @throws FrameworkError from the transform's configuration, e.g. an unknown augmentation */
export function renderer(dataset: Dataset, options: RenderOptions): Renderer {
  const { pipeline, onError, indices } = options;
  const count = indices?.length ?? dataset.length;
  const render = sampleRenderer(pipeline, options.seed);
  const floats = 3 * pipeline.size * pipeline.size;

  const renderLoaded = async (index: number, stream: number, out: Float32Array): Promise<void> => {
    const loaded = await dataset.load(index);
    const draw = (image: Image): void => {
      render(image, stream, out);
    };
    if (!(loaded instanceof Uint8Array)) draw(loaded);
    // Of most photographs only the crop is decoded. Each attempt has the same random numbers.
    else await withImage(loaded, dataset.key(index), draw);
  };

  return async (job) => {
    const batch = new Float32Array(job.slot);
    const failures: Failure[] = [];
    const used = new Array<number>(job.items.length).fill(-1);
    const place = async (i: number): Promise<void> => {
      const out = batch.subarray((job.at + i) * floats, (job.at + i + 1) * floats);
      const item = job.items[i] as number;
      for (let attempt = 0; attempt <= MAX_REPLACEMENTS; attempt++) {
        const position = (item + attempt) % count;
        const index = indices === undefined ? position : (indices[position] as number);
        try {
          await renderLoaded(index, job.streams[i] as number, out);
          used[i] = index;
          return;
        } catch (error) {
          // A wrong size is a wrong setting, not a bad file: no other sample would do better.
          const isSetting = error instanceof FrameworkError && error.code === WRONG_SIZE;
          if (onError === 'fail' || isSetting) throw failed(dataset, index, error);
          failures.push({ key: dataset.key(index), message: messageOf(error) });
          if (pipeline.mode === 'eval') return;
        }
      }
      throw new FrameworkError(
        'data/unreadable',
        `${dataset.name}: ${failures[0]?.key ?? item} and the samples after it cannot be read: ${failures[0]?.message ?? ''}`,
        { hint: `${MAX_REPLACEMENTS} replacements were tried; verify the data set` },
      );
    };
    await inLanes(job.items.length, OVERLAP, place);
    return { indices: used, failures };
  };
}

type SampleRenderer = (image: Image, stream: number, out: Float32Array) => void;

function sampleRenderer(pipeline: Pipeline, seed: number): SampleRenderer {
  const { size, normalization } = pipeline;
  const { mean, std } = normalization;
  if ('eval' in pipeline) {
    const transform = evalTransform(pipeline.eval);
    return (image, _stream, out) => toTensor(sized(transform(image), size), mean, std, out);
  }
  const transform = trainTransform(pipeline.augment, size, mean);
  const { erasing } = pipeline.augment;
  return (image, stream, out) => {
    const rng = new Rng(seed, 'augment', stream);
    toTensor(sized(transform(image, rng), size), mean, std, out);
    if (erasing !== null) applyErasing(drawErasing(erasing, rng, size, size), rng, out, size, size);
  };
}

function sized(image: Image, size: number): Image {
  if (image.width === size && image.height === size) return image;
  throw new FrameworkError(
    WRONG_SIZE,
    `an image of ${image.width}×${image.height} pixels came out of the transform where ${size}×${size} is due`,
    { hint: `add --set evaluation.resize=${size} --set evaluation.crop=${size}, or others that give this size` },
  );
}

function failed(dataset: Dataset, index: number, error: unknown): FrameworkError {
  const key = dataset.key(index);
  const message = messageOf(error);
  const isSetting = error instanceof FrameworkError && error.code === WRONG_SIZE;
  return new FrameworkError(
    isSetting ? WRONG_SIZE : 'data/unreadable',
    message.includes(key) ? message : `${key}: ${message}`,
    {
      hint: (isSetting ? error.hint : undefined) ?? 'verify the data set, or skip unreadable images (onError)',
      cause: error,
    },
  );
}
