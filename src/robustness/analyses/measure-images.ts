import type { Failure } from '../../data/render.ts';
import { FrameworkError } from '../../util/errors.ts';
import { prepare } from '../benchmarks/evaluation/run-unit.ts';
import type { EvaluationStore } from '../benchmarks/evaluation/store.ts';
import type { WorkUnit } from '../benchmarks/evaluation/units.ts';
import { prepareOwn } from '../benchmarks/images/find-images.ts';
import type { Part } from '../benchmarks/images/parts.ts';
import { selectItems } from '../benchmarks/images/selection.ts';
import { findBenchmark } from '../benchmarks/records.ts';
import { tallyOf, type Tally } from '../scoring/tally.ts';
import type { AnalysisContext } from './analysis.ts';
import type { Looked } from './plain-result.ts';

/** Images of an analysis that scores none, and how a result names them. */
export interface ChosenImages extends Looked {
  readonly part: Part;
  /** Places in the part. */
  readonly items: readonly number[];
  close(): Promise<void>;
}

/** Evenly spaced images, and so images of all classes. `--limit` goes before `count`. */
export async function evenImages(context: AnalysisContext, count: number): Promise<ChosenImages> {
  const limit = Math.min(count, context.selection.limit ?? Infinity);
  return chosenImages(context, (part) => selectItems(part.keys, { limit }), `${limit} images, evenly spaced`);
}

/** The images that `choose` takes of the data set. */
export async function chosenImages(
  context: AnalysisContext,
  choose: (part: Part) => readonly number[],
  words: string,
): Promise<ChosenImages> {
  const prepared = await prepareOwn(context.images(), findBenchmark('val'), {});
  const [part] = prepared.parts as [Part];
  const items = choose(part);
  const isAll = items.length === part.keys.length;
  return {
    part,
    items,
    lists: [{ part, items }],
    origin: prepared.origin,
    subset: isAll ? 'all' : words,
    close: () => prepared.close(),
  };
}

/** Rows of numbers of images, and those images that could not be read. */
export interface Measured {
  readonly rows: readonly (readonly number[])[];
  readonly failures: readonly Failure[];
}

/** How a unit of images is measured. */
export type Measure = (
  batches: AsyncIterable<{ x: Float32Array; n: number }>,
) => Promise<readonly number[][]>;

/**
 * Measures groups of images, one after the other, and keeps the rows of each: what was stopped goes on after the last whole group.
 * @param groups places in the part
 * @param imageSize side of the images in pixels; default: the model's
 */
export async function measureGroups(
  context: AnalysisContext,
  store: EvaluationStore,
  part: Part,
  groups: readonly (readonly number[])[],
  measure: Measure,
  about = context,
): Promise<Measured> {
  const rows: number[][] = [];
  const failures: Failure[] = [];
  const imagesTotal = groups.reduce((sum, items) => sum + items.length, 0);
  let [imagesDone, imagesResumed] = [0, 0];
  const units = groups.map((items, index): WorkUnit => {
    const name = `${index + 1} of ${groups.length}`;
    return { index, name, part: part.name, items };
  });
  const make = async ({ items }: WorkUnit): Promise<Tally> => {
    const failed: Failure[] = [];
    const measured = await measure(batchesOf(about, part, items, failed));
    const [width = 0] = measured.map((row) => row.length);
    return { ...tallyOf(0), items: width, failures: failed, scores: measured.flat() };
  };
  for await (const { unit, tally, by } of store.tallies(units, make)) {
    if (by === 'an earlier run') imagesResumed += unit.items.length;
    const { scores, items: width } = tally;
    for (let at = 0; at < scores.length; at += width) rows.push(scores.slice(at, at + width));
    failures.push(...tally.failures);
    imagesDone += unit.items.length;
    context.onProgress?.({
      unit: unit.name,
      imagesDone,
      imagesResumed,
      imagesTotal,
      failures: failures.length,
    });
  }
  return { rows, failures };
}

/** Images of a group in batches, normalised; those that cannot be read are noted and left out. */
async function* batchesOf(
  { about, imageSize, batch, crew, signal }: AnalysisContext,
  part: Part,
  items: readonly number[],
  failed: Failure[],
): AsyncGenerator<{ x: Float32Array; n: number }> {
  const preprocessing = { ...about.normalization, imageSize, evalConfig: about.evalConfig };
  for (let at = 0; at < items.length; at += batch) {
    if (signal?.aborted)
      throw new FrameworkError('evaluate/aborted', 'the analysis was stopped', {
        hint: 'run it again with the same output folder to go on from there',
      });
    const prepared = await prepare(
      { classifier: { preprocessing }, crew },
      part,
      items.slice(at, at + batch),
    );
    failed.push(...prepared.failures);
    if (prepared.images > 0) yield { x: prepared.batch, n: prepared.images };
  }
}

/** Cuts a list into pieces. */
export function inGroups<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}
