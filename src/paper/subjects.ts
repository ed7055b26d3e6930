/** What is compared: models, all seeds of one setting together. */
import { createModel, familyOf, modelNames } from '../models/registry.ts';
import { countElements } from '../nn/parameters.ts';
import type { Recipe } from '../recipe/schema.ts';
import { dataKey, modelKey } from '../report/columns.ts';
import { plotKey } from '../report/plots.ts';
import { isAnalysis } from '../robustness/analyses/registry.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { modelOfRecipe } from '../training/weights/recipe-model.ts';
import { dataWords } from './columns.ts';
import { meanOf, type Estimate } from './estimate.ts';
import { trainedOn } from './models.ts';
import type { Source } from './sources.ts';

/** The weights of one run, or of one file. */
export interface Member {
  readonly seed: number | undefined;
  readonly sources: readonly Source[];
}

export interface Subject {
  /** Told apart from every other's. */
  readonly name: string;
  /** Preset. */
  readonly model: string;
  readonly family: string;
  /** Side of its largest kernel; undefined where it has none or none is known. */
  readonly kernel: number | undefined;
  readonly isTransformer: boolean;
  readonly blocks: number | undefined;
  /** Million. */
  readonly parameters: number | undefined;
  /** What it was trained on, in words; undefined of a file that nothing is known of. */
  readonly training: string | undefined;
  /** The same of models that differ in nothing but kernels and seeds; undefined where that is not known. */
  readonly ladder: string | undefined;
  readonly members: readonly Member[];
}

/** A number of a subject, and the results it is of. */
export interface Measured extends Estimate {
  readonly sources: readonly Source[];
  /** Results whose evaluation is not whole are among them. */
  readonly isComplete: boolean;
}

/** Groups results by weights, and weights by everything but the seed. */
export function subjectsOf(sources: readonly Source[]): Subject[] {
  const groups = new Map<string, Source[]>();
  for (const source of sources) {
    const key = armKey(source);
    groups.set(key, [...(groups.get(key) ?? []), source]);
  }
  const drafts = [...groups.values()].map(draftOf).sort(inOrder);
  return drafts.map((draft, i) => {
    const twins = drafts.filter(({ name }) => name === draft.name);
    return twins.length === 1 ? draft : { ...draft, name: `${draft.name} (${i + 1})` };
  });
}

/** ImageNet's first; by family, then by kernel. */
function inOrder(a: Subject, b: Subject): number {
  const byText = (x: string, y: string) => (x < y ? -1 : x > y ? 1 : 0);
  const classes = ({ members }: Subject) => members[0]?.sources[0]?.result.classes ?? 0;
  return (
    classes(b) - classes(a) ||
    byText(a.family, b.family) ||
    (a.kernel ?? 0) - (b.kernel ?? 0) ||
    byText(a.model, b.model) ||
    byText(a.name, b.name)
  );
}

function armKey({ run, result }: Source): string {
  const { weights } = result.protocol;
  return run === undefined
    ? JSON.stringify([result.model, result.modelFingerprint, modelKey(result)])
    : JSON.stringify([run.arm, weights]);
}

function draftOf(sources: readonly Source[]): Subject {
  const [first] = sources as [Source, ...Source[]];
  const { run, result } = first;
  const facts = factsOf(result.model, run?.recipe);
  const members = new Map<string, Source[]>();
  for (const source of sources) {
    const key = source.run?.folder ?? source.result.modelFingerprint;
    members.set(key, [...(members.get(key) ?? []), source]);
  }
  return {
    name: nameOf(first),
    model: result.model,
    ...facts,
    training: run === undefined ? undefined : trainedOn(run.recipe, run.before),
    ladder: run === undefined ? undefined : JSON.stringify([run.ladder, result.protocol.weights]),
    members: [...members.values()].map((own) => ({
      seed: own[0]?.run?.recipe.seed,
      sources: own.filter(({ isOfTraining }) => !isOfTraining || !own.some(isWholeValidation)),
    })),
  };
}

/** What `evaluate` measured on all clean images stands in the place of what training noted. */
function isWholeValidation({ result, isOfTraining }: Source): boolean {
  return !isOfTraining && result.benchmark === 'val' && result.complete && result.protocol.subset === 'all';
}

/** A run's name without its seed, or the model of a file with the first letters of its hash. */
function nameOf({ run, result }: Source): string {
  const { model, modelFingerprint, protocol } = result;
  if (run === undefined) return `${model} ${modelFingerprint.slice(0, 8)}`;
  const name = run.recipe.name.replace(/-seed\d+$/, '');
  return protocol.weights === 'ema' ? `${name}, EMA` : name;
}

type Facts = Pick<Subject, 'family' | 'kernel' | 'isTransformer' | 'blocks' | 'parameters'>;

function factsOf(name: string, recipe: Recipe | undefined): Facts {
  if (!modelNames().includes(name))
    return {
      family: name,
      kernel: undefined,
      isTransformer: false,
      blocks: undefined,
      parameters: undefined,
    };
  const family = familyOf(name).name;
  // The options of a bare file are not in its result.
  const isCustom = recipe === undefined && name.endsWith('-custom');
  const model = recipe === undefined ? createModel(name) : modelOfRecipe(recipe, recipe.model.classes ?? 10);
  const kernels = model.config['kernels'];
  const isTransformer = family === 'vit' || family === 'dino';
  const plain = isTransformer ? undefined : 3;
  return {
    family,
    isTransformer,
    kernel: isCustom ? undefined : Array.isArray(kernels) ? Math.max(...(kernels as number[])) : plain,
    blocks: isCustom ? undefined : new Set(model.blocks.map(({ whole, name: own }) => whole ?? own)).size,
    parameters: isCustom ? undefined : countElements(model.parameters, 'parameter') / 1e6,
  };
}

/** Which results may stand under one heading: those of one benchmark and data side. */
export interface DataSide {
  readonly benchmark: string;
  readonly key: string;
  readonly results: readonly BenchmarkResult[];
  /** The first of them, for words. */
  readonly example: BenchmarkResult;
}

/** The data sides of some benchmarks, in the order of the sources. */
export function dataSides(subjects: readonly Subject[], benchmarks: readonly string[]): DataSide[] {
  const sides = new Map<string, DataSide>();
  for (const { result } of subjects.flatMap(({ members }) => members.flatMap(({ sources }) => sources))) {
    if (!benchmarks.includes(result.benchmark)) continue;
    const key = sideKey(result);
    const { results = [], example = result } = sides.get(key) ?? {};
    sides.set(key, { benchmark: result.benchmark, key, results: [...results, result], example });
  }
  return [...sides.values()];
}

/** Analyses of networks of other depth are of the same images, though their points lie elsewhere. */
export function sideKey(result: BenchmarkResult): string {
  const { benchmark } = result;
  return JSON.stringify([benchmark, isAnalysis(benchmark) ? plotKey(result) : dataKey(result)]);
}

/** Settings of an attack, of its images alone where they were made on another model; of others where two sides differ in nothing else. */
export function settingsOf({ key, benchmark, example }: DataSide, sides: readonly DataSide[]): string {
  const settings = (example.protocol.settings ?? '').replace(/\d+\.\d{7,}/g, (digits) =>
    String(Number(Number(digits).toPrecision(4))),
  );
  if (benchmark.startsWith('attack-')) return `; ${settings.replace(/^.*images of /, 'images of ')}`;
  const hasTwin = sides.some(
    (side) =>
      side.key !== key && side.benchmark === benchmark && dataWords(side.example) === dataWords(example),
  );
  return hasTwin ? `; ${settings === '' ? sideKey(example).slice(-20) : settings}` : '';
}

/** What a subject has on a data side: over its seeds. @param read a number of a result */
export function measure(
  subject: Subject,
  side: Pick<DataSide, 'key'> | ((result: BenchmarkResult) => boolean),
  read: (result: BenchmarkResult) => Estimate | undefined,
): Measured | undefined {
  const fits = typeof side === 'function' ? side : (result: BenchmarkResult) => sideKey(result) === side.key;
  const found = subject.members.flatMap(({ sources }) => {
    for (const source of sources) {
      const estimate = fits(source.result) ? read(source.result) : undefined;
      if (estimate !== undefined) return [{ source, estimate }];
    }
    return [];
  });
  if (found.length === 0) return undefined;
  return {
    ...meanOf(found.map(({ estimate }) => estimate)),
    sources: found.map(({ source }) => source),
    isComplete: found.every(({ source }) => source.result.complete),
  };
}
