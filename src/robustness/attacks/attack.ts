import type { Field, Infer } from '../../schema/fields.ts';

/**
 * A model as attacks see it: images in the space in which ε is measured, pixels of [0, 1] or the model's normalised values. It owns mean, std
 * and bounds. Any number of images may be given; an image's results do not depend on the images beside it.
 */
export interface AttackedModel {
  readonly classes: number;
  readonly imageSize: number;
  /** Values of an image: 3 · imageSize². */
  readonly elems: number;
  /** What an image may hold: 0 and 1, or ±∞ in normalised space. */
  readonly bounds: readonly [number, number];
  /** @param x (n, 3, imageSize, imageSize); @returns (n, classes) */
  logits(x: Float32Array): Promise<Float32Array>;
  /**
   * Logits, and the gradient of what `objective` computes of each image's own.
   * @returns dx as x is, values (n) as `objective` gave them
   */
  gradient(
    x: Float32Array,
    objective: Objective,
  ): Promise<{ readonly logits: Float32Array; readonly dx: Float32Array; readonly values: Float64Array }>;
}

/**
 * A number that is made of an image's logits, and its gradient.
 * @param z (classes) @param dz is written @param image place among those given to the model
 */
export type Objective = (z: Float32Array, dz: Float32Array, image: number) => number;

/** Images under attack. Never changed. */
export interface AttackedImages {
  /** (n, 3, imageSize, imageSize) */
  readonly x: Float32Array;
  readonly labels: readonly number[];
  /** Numbers of the images' random draws: their places in the data set. */
  readonly numbers: readonly number[];
  /** The classes they shall be taken for; without them any but the label will do. */
  readonly targets?: readonly number[] | undefined;
}

export interface Adversarial {
  /** As the images are. */
  readonly x: Float32Array;
  /** Of each image, the share of values whose first gradient is exactly zero: they stay as they are. 1 says nothing of robustness. */
  readonly zeroShare?: Float64Array;
  /** Further numbers of each image, by name. */
  readonly notes?: Readonly<Record<string, Float64Array>>;
}

/** What every attack is told besides its own settings. */
export interface Budget {
  readonly eps: number;
  readonly seed: number;
}

export type AttackFields = Readonly<Record<string, Field>>;
export type AttackSettings<F extends AttackFields> = { readonly [K in keyof F]: Infer<F[K]> };

/** One attack. A plain record: commands, folders and results follow from it. */
export interface Attack {
  /** What commands and results call it. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly settings: AttackFields;
  /** ε that are tried unless the command says others. */
  readonly epsilons: readonly number[];
  /** Whether anything is drawn: always, never, or where a setting says so. */
  readonly draws: 'always' | 'never' | 'randomStart';
  /** It needs to know what a pixel may hold: ε cannot be measured in normalised values. */
  readonly needsBounds?: true;
  /** Images that the model gets wrong already are left as they are, as the reference does. */
  readonly onlyCorrect: boolean;
  /** Adversarial images are rounded to 8 bits unless the command says otherwise. */
  readonly eightBit?: true;
  /** Whether an image can be led to a class that was chosen beforehand. */
  readonly canTarget: boolean;
  /** Passes of the model for each image and ε, a way back counted as two: for estimates. */
  passes(settings: Readonly<Record<string, unknown>>, classes: number): number;
  /** @throws FrameworkError `attack/…` where a setting does not fit the model */
  run(
    model: AttackedModel,
    images: AttackedImages,
    budget: Budget,
    settings: Readonly<Record<string, unknown>>,
  ): Promise<Adversarial>;
}

/** An attack whose functions take its settings with their types. */
export function defineAttack<const F extends AttackFields>(
  attack: Omit<Attack, 'settings' | 'passes' | 'run'> & {
    readonly settings: F;
    passes(settings: AttackSettings<F>, classes: number): number;
    run(
      model: AttackedModel,
      images: AttackedImages,
      budget: Budget,
      settings: AttackSettings<F>,
    ): Promise<Adversarial>;
  },
): Attack {
  return attack;
}
