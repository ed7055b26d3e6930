import type { Model } from '../models/model.ts';
import type { ParameterSpec } from '../nn/parameters.ts';
import type { Normalization } from '../data/normalization.ts';
import type { EvalConfig } from '../data/transform.ts';

/** What an exported folder says of its model: `model.js`. */
export interface ModelNote {
  readonly version: typeof NOTE_VERSION;
  readonly model: string;
  /** All options of the model, as `createModel` takes them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Side of the input in pixels. */
  readonly imageSize: number;
  readonly normalization: Normalization;
  readonly evalConfig: EvalConfig;
  /** Names of the outputs. */
  readonly classes: readonly string[];
  /** The files of weights: little-endian f32, the entries of the model's state dict but for counters, in its order, cut anywhere. */
  readonly weights: readonly { readonly asset: string; readonly bytes: number; readonly sha256: string }[];
  /** Images to try the model on. */
  readonly samples: readonly { readonly asset: string; readonly name: string }[];
  /** The file that the weights were read from. */
  readonly checkpoint: { readonly name: string; readonly sha256: string };
  /** Name and version of the exporting program. */
  readonly maker: string;
}

export const NOTE_VERSION = 1;

/** Files that an export holds besides weights and samples. */
export const PAGE_SCRIPT = 'page.js';
export const NOTE_ASSET = 'model';

/** The global in which a folder's scripts leave what they hold: a script is what a page may load from the file system too. */
export const ASSETS = 'largekernelAssets';

export const frostAsset = (texture: string): string => `${texture.replace('.', '-')}`;

/** What of a state dict a model needs to run: no counters. */
export function storedEntries({ parameters }: Model): readonly ParameterSpec[] {
  return parameters.filter(({ kind }) => kind === 'parameter' || kind === 'state');
}
