import type { Scoring } from '../scoring/scoring.ts';
import type { Classifier } from '../classifier/classifier.ts';

/** One folder of images or clips that is counted on its own. */
export interface PartRecord {
  /** E.g. `gaussian_noise/3`; `all` where there is only one. */
  readonly name: string;
  /** Folders that may hold it, relative to the benchmark's root, as downloaded or unpacked side by side. */
  readonly folders: readonly string[];
  /** Files in the release; null where copies differ. */
  readonly expected: number | null;
  /** Files of each class in the release; absent where classes differ. */
  readonly expectedPerClass?: number;
  /** An evaluation without it is still whole: the extra corruptions, the validation perturbations. */
  readonly optional?: true;
  /** Images of other classes lie beside them and are none of the benchmark's: left out without a word. */
  readonly ignoreOthers?: true;
}

/** One robustness benchmark: what it is, where its files lie, how it is scored. A plain record. */
export interface Benchmark {
  /** Its name in commands, folders and results. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly source: {
    readonly archives: readonly string[];
    /** Size of the download, for people. */
    readonly size: string;
    readonly layout: string;
  };
  /** Folder names, relative to the data root, under which the parts are looked for. */
  readonly roots: readonly string[];
  readonly parts: readonly PartRecord[];
  readonly scoring: Scoring;
  /** Ids of the classes that labels are counted in; null: those of the data themselves, which the model must have. */
  readonly labels: (() => readonly string[]) | null;
  readonly items: 'images' | 'clips';
  /** Side in pixels of the stored images, fed as they are to a model of that size. Null: any size, the model's own preprocessing. */
  readonly stored: number | null;
  /** Images per file: frames of a clip. */
  readonly frames: (part: string) => number;
  /** Numbers of classes a model may have. */
  readonly classes: readonly ('imagenet1k' | number | 'any')[];
  /** Its images are the validation images, and this JSON file, relative to the data root, has the right answers. */
  readonly labelFile?: readonly string[];
  /** Its images are those of any folders that are named. */
  readonly fromFolders?: true;
  /** Also needs the validation images. */
  readonly needsVal?: true;
  /** The clean images themselves: a model of other classes takes its own. */
  readonly isClean?: true;
  /** Made from the validation images file by file, under their names: subsets of these apply to it. */
  readonly ofValidation?: true;
  /** What its parts are and how they are made from other images. */
  readonly variants?: 'corruptions' | 'bar' | 'perturbations';
}

/**
 * Why a benchmark says nothing about a model, or undefined if it applies. `generated`: the images are made from a data
 * set of the model's own classes, so any number of classes will do. Clean images of any classes always will.
 */
export function whyNotApplicable(
  benchmark: Benchmark,
  classifier: Pick<Classifier, 'name' | 'classes'>,
  generated = false,
): string | undefined {
  if (benchmark.classes.includes('any')) return undefined;
  if (generated) {
    if (benchmark.variants !== undefined) return undefined;
    return `${benchmark.name} cannot be generated from other images; only ImageNet-C, ImageNet-C-bar and ImageNet-P can`;
  }
  if (benchmark.classes.includes(classifier.classes)) return undefined;
  const wanted = benchmark.classes.map((c) =>
    c === 'imagenet1k' ? 'the 1000 ImageNet classes' : `${c} classes`,
  );
  return `${benchmark.name} needs a model of ${wanted.join(' or ')}; ${classifier.name} has ${classifier.classes} classes`;
}
