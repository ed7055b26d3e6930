import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Ten AdamW steps by PyTorch. */
export interface Golden {
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  readonly state: Readonly<Record<string, readonly [sum: number, absolute: number]>>;
  readonly ema: Readonly<Record<string, readonly [sum: number, absolute: number]>>;
}

// Made by test/golden/training/make.py.
export const FOLDER = fileURLToPath(new URL('../golden/training/', import.meta.url));
export const golden = JSON.parse(readFileSync(join(FOLDER, 'steps.json'), 'utf8')) as Record<
  'plain' | 'slak' | 'soft' | 'hard',
  Golden
>;

/** Ten AdamW steps of a CNN with a transformer as teacher (soft), and the other way round (hard). Made by test/golden/training/across.py. */
export const across = JSON.parse(readFileSync(join(FOLDER, 'across.json'), 'utf8')) as Record<
  'cnn' | 'transformer',
  Pick<Golden, 'losses' | 'gradNorms'>
>;

/** Losses of a hundred steps of a small DeiT. Made by test/golden/training/transformer.py. */
export const transformerLosses = (
  JSON.parse(readFileSync(join(FOLDER, 'transformer.json'), 'utf8')) as { losses: readonly number[] }
).losses;

/** The small DeiT instead of the recipe's model. */
export const TRANSFORMER = [
  'model.name=deit-s16',
  'model.dim=24',
  'model.depth=2',
  'model.heads=3',
  'model.patch=7',
];

/** What the recipe of tiny.ts is changed by for them. */
export const SETTINGS = [
  'data.limitTrain=64',
  'data.shuffle=false',
  'augment=none',
  'augment.mixGroup=16',
  'batch.size=16',
  'batch.micro=16',
  'model.depths=[1,2]',
  'model.kernels=[7,9]',
  'model.dropPath=0',
  'schedule.epochs=3',
  'schedule.warmupSteps=3',
  'optimizer.lr=4e-3',
];
