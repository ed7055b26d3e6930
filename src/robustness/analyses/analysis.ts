import type { ClassInfo } from '../../data/dataset.ts';
import type { Image } from '../../data/image/image.ts';
import type { Device } from '../../device/device.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { Model } from '../../models/model.ts';
import type { ModelWeights } from '../../models/weights.ts';
import type { Field, Infer } from '../../schema/fields.ts';
import type { BenchmarkResult } from '../benchmarks/evaluation/result.ts';
import type { Progress } from '../benchmarks/evaluation/options.ts';
import type { Maker } from '../benchmarks/evaluation/store.ts';
import type { Crew } from '../benchmarks/crew/crew.ts';
import type { OwnImages } from '../benchmarks/images/prepared.ts';
import type { Selection } from '../benchmarks/images/selection.ts';
import type { SessionWeights } from '../classifier/session-classifier.ts';

/** A model on a device. */
export interface OnDevice {
  readonly device: Device;
  readonly weights: ModelWeights;
}

/** A second model, which is looked through and not at. */
export interface OtherModel {
  readonly weights: ModelWeights;
  /** Side of its input in pixels. */
  readonly imageSize: number;
  /** SHA-256 of its file. */
  readonly sha256: string;
}

/** A model and everything an analysis may ask for. */
export interface AnalysisContext {
  readonly model: Model;
  readonly about: SessionWeights;
  /** Whose weights: a run's or its averaged ones, or a file's. */
  readonly kind: 'raw' | 'ema' | 'file';
  /** What the outputs stand for. */
  readonly classNames: readonly ClassInfo[];
  /** Side of the input in pixels. */
  readonly imageSize: number;
  /** Images at once. */
  readonly batch: number;
  /** Every parameter by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Opens the device and uploads the weights, once, when it is first asked for. */
  readonly onDevice: () => Promise<OnDevice>;
  /** The weights of another model on the same device, from a file or a run: the one that says what is salient. */
  readonly other?: (checkpoint: string) => Promise<OtherModel>;
  /** Labelled images of the model's classes; throws where none were named. */
  readonly images: () => OwnImages;
  /** The folder of `--data` as it is. */
  readonly data: string | undefined;
  readonly selection: Selection;
  readonly crew: Crew | undefined;
  /** The processes that share its units; rank 0 writes. */
  readonly ranks?: Ranks | undefined;
  /** Where this analysis writes: units first, then `result.json`. */
  readonly folder: string;
  readonly maker?: Maker;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** What an analysis would cost. */
export interface AnalysisPlan {
  readonly points: number;
  readonly images: number;
  /** Images through the model; a way back counts two. */
  readonly passes: number;
}

export type SettingFields = Readonly<Record<string, Field>>;
export type Settings<F extends SettingFields> = { readonly [K in keyof F]: Infer<F[K]> };
export type PresetName = 'paper' | 'released' | 'default';

/** An image, unchanged and changed. */
export interface PictureRow {
  readonly label: string;
  readonly pictures: readonly { readonly label: string; readonly image: Image }[];
}

export interface Condition<S> {
  readonly keys: readonly string[];
  readonly words: string;
  holds(settings: S): boolean;
}

/** One analysis. A plain record: commands, folders, files and figures follow from it. */
export interface Analysis {
  /** What commands, folders and results call it. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** What it looks at beside the weights. */
  readonly needs: 'nothing' | 'images' | 'stimuli';
  readonly settings: SettingFields;
  /** Settings that differ from the defaults in the paper, and in the code released with it. */
  readonly presets: Readonly<
    Partial<Record<Exclude<PresetName, 'default'>, Readonly<Record<string, unknown>>>>
  >;
  /** Settings that count only beside others: what they need, in words. */
  readonly conditions?: readonly Condition<Readonly<Record<string, unknown>>>[];
  run(context: AnalysisContext, settings: Readonly<Record<string, unknown>>): Promise<BenchmarkResult>;
  plan(context: AnalysisContext, settings: Readonly<Record<string, unknown>>): Promise<AnalysisPlan>;
  /** Of a sweep: points of its curves beside the unchanged images, each of all images; for estimates without them. */
  points?(
    context: Pick<AnalysisContext, 'model' | 'imageSize'>,
    settings: Readonly<Record<string, unknown>>,
  ): number;
  /** What it does to some of the images, for people; after `run`. */
  pictures?(context: AnalysisContext, settings: Readonly<Record<string, unknown>>): Promise<PictureRow[]>;
}

/** An analysis whose functions take its settings with their types. */
export function defineAnalysis<const F extends SettingFields>(
  analysis: Omit<Analysis, 'settings' | 'presets' | 'conditions' | 'run' | 'plan' | 'points' | 'pictures'> & {
    readonly settings: F;
    readonly presets: Readonly<Partial<Record<Exclude<PresetName, 'default'>, Partial<Settings<F>>>>>;
    readonly conditions?: readonly (Condition<Settings<F>> & {
      readonly keys: readonly (keyof F & string)[];
    })[];
    run(context: AnalysisContext, settings: Settings<F>): Promise<BenchmarkResult>;
    plan(context: AnalysisContext, settings: Settings<F>): Promise<AnalysisPlan>;
    points?(context: Pick<AnalysisContext, 'model' | 'imageSize'>, settings: Settings<F>): number;
    pictures?(context: AnalysisContext, settings: Settings<F>): Promise<PictureRow[]>;
  },
): Analysis {
  return analysis;
}

/** Settings in words, in the order of their fields: they are part of the protocol. */
export function settingWords(
  settings: Readonly<Record<string, unknown>>,
  more: readonly string[] = [],
): string {
  const words = Object.entries(settings).map(
    ([key, value]) => `${key} ${Array.isArray(value) ? value.join(' ') : String(value)}`,
  );
  return [...words, ...more].join(', ');
}
