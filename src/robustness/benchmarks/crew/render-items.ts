import { inLanes } from '../../../data/lanes.ts';
import type { Image } from '../../../data/image/image.ts';
import type { Normalization } from '../../../data/normalization.ts';
import type { EvalConfig } from '../../../data/transform.ts';
import { evalTransform, toTensor } from '../../../data/transform.ts';
import { FrameworkError, messageOf } from '../../../util/errors.ts';
import { changeInput, type InputChange } from '../../inputs/change.ts';
import { checkStored } from '../images/release-checks.ts';
import type { Load, Place } from '../images/source.ts';

/** How images become the model's input. Plain data. */
export interface RenderSettings extends Normalization {
  readonly evalConfig: EvalConfig;
  /** Side of the input in pixels. */
  readonly imageSize: number;
  /** Side that every stored image must have; null: any. */
  readonly stored: number | null;
  /** Images of one item. */
  readonly frames: number;
  /** Last, on the normalised values; the place of the item is the number of its random draws. */
  readonly input?: InputChange | undefined;
}

/** Files decoded at once: the thread pool's size. */
const LANES = 4;

/** Floats of one item: (frames, 3, imageSize, imageSize). */
export function itemElems({ frames, imageSize }: RenderSettings): number {
  return frames * 3 * imageSize ** 2;
}

/** Throws `data/wrong-size` unless the image is what the model takes. */
function ofSize(image: Image, size: number): Image {
  if (image.width === size && image.height === size) return image;
  throw new FrameworkError(
    'data/wrong-size',
    `it becomes ${image.width}×${image.height} pixels, but the model takes ${size}×${size}`,
    { hint: `use --set evaluation.resize and --set evaluation.crop=${size}` },
  );
}

/**
 * Loads items, makes them the model's input and writes them into `out`, (places, frames, 3, imageSize, imageSize).
 * @returns position and message of each item that could not be read, by position
 * @throws FrameworkError `video/no-ffmpeg`: without it no clip can be read, which is a wrong set-up and not a damaged file
 */
export async function renderItems(
  load: Load,
  places: readonly Place[],
  settings: RenderSettings,
  out: Float32Array,
): Promise<[number, string][]> {
  const { evalConfig, mean, std } = settings;
  const transform = evalTransform(evalConfig);
  const elems = itemElems(settings);
  const failures: [number, string][] = [];
  await inLanes(places.length, LANES, async (i) => {
    try {
      const images = await load(places[i] as Place);
      for (const [frame, image] of images.entries()) {
        const at = i * elems + (frame * elems) / settings.frames;
        const input = transform(checkStored(image, settings.stored));
        toTensor(ofSize(input, settings.imageSize), mean, std, out, at);
        if (settings.input !== undefined) {
          const x = out.subarray(at, at + 3 * settings.imageSize ** 2);
          changeInput(x, settings.input, { ...settings, number: Number(places[i]) });
        }
      }
    } catch (error) {
      if (error instanceof FrameworkError && error.code === 'video/no-ffmpeg') throw error;
      failures.push([i, messageOf(error)]);
    }
  });
  return failures.sort(([a], [b]) => a - b);
}
