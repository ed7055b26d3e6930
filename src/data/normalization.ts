/** Mean and standard deviation of each channel on RGB in [0, 1], by data set. */
import { FrameworkError, nearest } from '../util/errors.ts';

export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

const grey = (mean: number, std: number): Normalization => ({
  mean: [mean, mean, mean],
  std: [std, std, std],
});

export const NORMALIZATIONS = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /** 0.5 / 0.5: BiT, ViT and other "inception" models of timm. */
  half: grey(0.5, 0.5),
  /** Over all 50,000 training images. */
  cifar10: {
    mean: [0.49139968, 0.48215841, 0.44653091],
    std: [0.24703223, 0.24348513, 0.26158784],
  },
  cifar100: {
    mean: [0.50707516, 0.48654887, 0.44091784],
    std: [0.26733429, 0.25643846, 0.27615047],
  },
  /** Over all 60,000 training images; grey, so the same in each channel. */
  'fashion-mnist': grey(0.28604059, 0.35302424),
  mnist: grey(0.13066048, 0.30810781),
} as const satisfies Record<string, Normalization>;

export type NormalizationName = keyof typeof NORMALIZATIONS;

/** @throws FrameworkError `data/unknown-normalization` */
export function normalization(name: string): Normalization {
  if (Object.hasOwn(NORMALIZATIONS, name)) return NORMALIZATIONS[name as NormalizationName];
  const names = Object.keys(NORMALIZATIONS);
  const near = nearest(name, names);
  throw new FrameworkError('data/unknown-normalization', `no mean and std are known for "${name}"`, {
    hint: near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`,
  });
}
