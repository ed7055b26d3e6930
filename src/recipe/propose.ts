/** A first recipe for a user's own images, and a sweep over its kernels, with sizes that suit the images. */
import { stringify } from 'yaml';

export interface Facts {
  readonly name: string;
  /** Absolute. */
  readonly root: string;
  readonly training: number;
  /** Median short side, in pixels. */
  readonly side: number;
  readonly isUniform: boolean;
  /** Asked for, in pixels; default: what suits the images. */
  readonly imageSize?: number | undefined;
}

/** On smaller maps a large kernel would only meet padding. */
export const LEAST_SIZE = 32;

export interface Proposal {
  readonly recipe: string;
  readonly sweep: string;
  readonly imageSize: number;
  readonly batch: number;
  readonly epochs: number;
}

/** Training images seen in a whole run: minutes on a GPU. */
const IMAGES_SEEN = 1e6;

/** @throws nothing: any folder of at least 8 images has a recipe */
export function propose(facts: Facts): Proposal {
  const { name, root, training, side, isUniform } = facts;
  const imageSize = facts.imageSize ?? [32, 64, 128].find((size) => side <= size * 1.25) ?? 224;
  const isSmall = imageSize <= 64;
  const stem = imageSize < 64 ? 2 : 4;
  const isWhole = isUniform && side === imageSize;
  let batch = 128;
  while (batch > 4 && batch * 8 > training) batch /= 2;
  const epochs = Math.min(100, Math.max(20, Math.round(IMAGES_SEEN / training)));
  const large = imageSize / stem > 16 ? 31 : 13;
  const recipe = {
    description: `A ConvNeXt of ${isSmall ? 'three' : 'four'} stages on ${name}`,
    data: { dataset: 'image-folder', root, imageSize },
    model: {
      name: 'convnext-custom',
      ...(isSmall
        ? { depths: [2, 4, 2], dims: [48, 96, 192] }
        : { depths: [2, 2, 6, 2], dims: [40, 80, 160, 320] }),
      kernels: 7,
      stemStride: stem,
      dropPath: 0.1,
      layerScaleInit: 0.1,
    },
    augment: isWhole
      ? { crop: 'pad-crop', padding: Math.round(imageSize / 8), flip: 0.5 }
      : { crop: 'random-resized', scale: [0.35, 1], flip: 0.5 },
    loss: { labelSmoothing: 0.1 },
    batch: { size: batch },
    optimizer: { lr: 1e-3, lrPer: 128, weightDecay: 0.05 },
    schedule: { epochs, warmupEpochs: Math.max(1, Math.round(epochs / 20)) },
    ema: { decay: 0.999, warmup: true },
    ...(isWhole ? {} : { evaluation: { resize: Math.round(imageSize / 0.875), crop: imageSize } }),
  };
  const sweep = {
    description: `Kernels of 3, 7 and ${large} on ${name}, three seeds`,
    recipe: `./${name}.yaml`,
    axis: 'kernel',
    seeds: [0, 1, 2],
    points: [3, 7, large].map((kernel) => ({ label: kernel, set: { 'model.kernels': kernel } })),
  };
  const text = (value: object) => stringify(value, { lineWidth: 0, flowCollectionPadding: true });
  return {
    recipe: `# A beginning, made from what was found; docs/recipes.md explains every key.\n${text(recipe)}`,
    sweep: `# Trains ${name}.yaml with each kernel and each seed; docs/ablation.md explains sweeps.\n${text(sweep)}`,
    imageSize,
    batch,
    epochs,
  };
}
