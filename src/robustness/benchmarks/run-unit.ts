import { inLanes } from '../../data/lanes.ts';
import type { Failure } from '../../data/render.ts';
import type { EvalConfig } from '../../data/transform.ts';
import { evalTransform, toTensor } from '../../data/transform.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { logitsRow } from '../metrics/accuracy.ts';
import type { Classifier } from './classifier.ts';
import { checkLogits, classCount } from './classifier.ts';
import type { EvaluateOptions, Report } from './options.ts';
import type { Part } from './parts.ts';
import type { Benchmark } from './records.ts';
import type { Scorer, Tally } from './tally.ts';
import type { WorkUnit } from './units.ts';

/** Files decoded at once: the thread pool's size. */
const LANES = 4;

/** Images of `as-is` benchmarks are already at their size: the resize does nothing unless the model wants another. */
function evalConfigOf(benchmark: Benchmark, { preprocessing }: Classifier): EvalConfig {
  if (benchmark.preprocessing === 'model') return preprocessing.evalConfig;
  const { imageSize, evalConfig } = preprocessing;
  return { resize: imageSize, crop: imageSize, squash: false, interpolation: evalConfig.interpolation };
}

/** A batch of whole items: an image each, or all frames of a clip. */
interface Prepared {
  readonly batch: Float32Array;
  readonly images: number;
  /** Items that could be read, with their number of images. */
  readonly items: readonly { readonly label: number; readonly images: number }[];
  readonly failures: readonly Failure[];
}

async function prepare(options: EvaluateOptions, part: Part, items: readonly number[]): Promise<Prepared> {
  const { benchmark, classifier } = options;
  const { imageSize, mean, std } = classifier.preprocessing;
  const transform = evalTransform(evalConfigOf(benchmark, classifier));
  const elems = 3 * imageSize * imageSize;
  const itemElems = elems * part.frames;
  const batch = new Float32Array(items.length * itemElems);
  const errors = new Map<number, Failure>();
  await inLanes(items.length, LANES, async (i) => {
    const item = items[i] as number;
    try {
      const images = await part.load(item);
      for (const [frame, image] of images.entries())
        toTensor(transform(image), mean, std, batch, i * itemElems + frame * elems);
    } catch (error) {
      // Without ffmpeg no clip can be read: that is a wrong set-up, not a damaged file.
      if (error instanceof FrameworkError && error.code === 'video/no-ffmpeg') throw error;
      errors.set(i, { key: part.keys[item] as string, message: messageOf(error) });
    }
  });
  const readable = items.map((_, i) => i).filter((i) => !errors.has(i));
  for (const [to, from] of readable.entries())
    if (to !== from) batch.copyWithin(to * itemElems, from * itemElems, (from + 1) * itemElems);
  return {
    batch: batch.subarray(0, readable.length * itemElems),
    images: readable.length * part.frames,
    items: readable.map((i) => ({ label: part.label(items[i] as number), images: part.frames })),
    failures: [...errors].sort(([a], [b]) => a - b).map(([, failure]) => failure),
  };
}

/**
 * Scores the items of one unit. Decoding of the next batch goes on while the model works on this one.
 * @throws FrameworkError `evaluate/aborted`, `video/no-ffmpeg`, and whatever the model throws
 */
export async function evaluateUnit(
  options: EvaluateOptions,
  part: Part,
  unit: WorkUnit,
  scorer: Scorer,
  report: Report,
): Promise<Tally> {
  const { classifier, batchSize, signal } = options;
  const tally = scorer.begin(part.classes.length);
  const perBatch = Math.max(1, Math.floor(batchSize / part.frames));
  const batches: number[][] = [];
  for (let i = 0; i < unit.items.length; i += perBatch) batches.push(unit.items.slice(i, i + perBatch));
  let next = started(prepare(options, part, batches[0] ?? []));
  for (const [i, items] of batches.entries()) {
    if (signal?.aborted)
      throw new FrameworkError('evaluate/aborted', `the evaluation was stopped in ${unit.name}`, {
        hint: 'run it again with the same output folder to go on from there',
      });
    const prepared = await next;
    const following = batches[i + 1];
    if (following) next = started(prepare(options, part, following));
    await scoreBatch(classifier, batchSize, prepared, scorer, tally);
    tally.failures.push(...prepared.failures);
    report(unit, items.length * part.frames, prepared.failures.length);
  }
  return scorer.finish(tally);
}

async function scoreBatch(
  classifier: Classifier,
  batchSize: number,
  prepared: Prepared,
  scorer: Scorer,
  tally: Tally,
): Promise<void> {
  const rows: Float32Array[] = [];
  const elems = 3 * classifier.preprocessing.imageSize ** 2;
  const classes = classCount(classifier);
  for (let at = 0; at < prepared.images; at += batchSize) {
    const n = Math.min(batchSize, prepared.images - at);
    const logits = await classifier.logits(prepared.batch.subarray(at * elems, (at + n) * elems), n);
    checkLogits(logits, n, classifier);
    for (let row = 0; row < n; row++) rows.push(logitsRow(logits, row, classes).slice());
  }
  let at = 0;
  for (const { label, images } of prepared.items) {
    scorer.score(tally, rows.slice(at, at + images), label);
    at += images;
  }
}

/** Keeps an error that comes before anyone waits for it from ending the process; whoever awaits it still gets it. */
function started<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
