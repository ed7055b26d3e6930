import { integer, list, number, type Field, type FieldType } from '../schema/fields.ts';

/** Options of model families: typed fields of the schema whose values come from presets. */

/** Every option of a configuration `C` but those that all models have, and but the image size, which `data.imageSize` says. */
export type Options<C> = {
  readonly [K in Exclude<keyof C, keyof CommonConfig | 'imageSize'>]: Field<C[K]>;
};

/** What every configuration has. */
export interface CommonConfig {
  readonly classes: number;
  /** Channels of the image. */
  readonly channels: number;
}

/** An option whose value each preset gives. */
export function option<T>(
  type: FieldType<T>,
  description: string,
  notes: Pick<Field, 'unit' | 'source' | 'onlyTraining'> = {},
): Field<T> {
  return { node: 'field', type, description, ...notes };
}

/** Stages that a model may have. */
export const MOST_STAGES = 4;

/** A list with one value for each stage. */
export const perStage = (item: FieldType<number>): FieldType<readonly number[]> => list(item, 1, MOST_STAGES);

/** The same, but one value may stand for all stages. */
export const forAllStages = (item: FieldType<number>): FieldType<readonly number[]> => ({
  ...perStage(item),
  spread: true,
});

/** Bounds on numbers: they reach the device as 32-bit floats, and some are squared there. */
const LARGEST = 1e15;

export const kernelSize = integer({ min: 1, max: 255, odd: true });
export const width = integer({ min: 1, max: 2 ** 16 });
export const rate = number({ min: 0, max: 1, open: 'max' });
export const notNegative = number({ min: 0, max: LARGEST });
export const factor = number({ min: 0, max: 64, open: 'min' });

/** Blocks of each stage. */
export const depths: Field<readonly number[]> = option(
  perStage(integer({ min: 1, max: 256 })),
  'Blocks of each stage.',
);

/** Rate of stochastic depth. */
export const dropPath: Field<number> = option(
  rate,
  'Drop-path rate of the last block; it rises linearly from 0 at the first.',
  { onlyTraining: true },
);
