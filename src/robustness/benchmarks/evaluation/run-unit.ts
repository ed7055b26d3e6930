import type { Failure } from '../../../data/render.ts';
import type { EvalConfig } from '../../../data/transform.ts';
import { FrameworkError, defined } from '../../../util/errors.ts';
import { started } from '../../../util/turn.ts';
import { logitsRow } from '../../metrics/accuracy.ts';
import { addNotes, type Scorer, type Tally } from '../../scoring/tally.ts';
import type { Classifier, ImageNotes } from '../../classifier/classifier.ts';
import { checkLogits, classCount } from '../../classifier/classifier.ts';
import type { Crew } from '../crew/crew.ts';
import type { EvaluateOptions, Report } from './options.ts';
import { evenly } from '../images/files-sha256.ts';
import type { Part } from '../images/parts.ts';
import type { Place } from '../images/source.ts';
import { itemElems, renderItems } from '../crew/render-items.ts';
import type { RenderSettings } from '../crew/render-items.ts';

import type { WorkUnit } from './units.ts';

function evalConfigOf({ fit }: Part, { preprocessing }: PrepareOptions['classifier']): EvalConfig {
  const { imageSize, evalConfig } = preprocessing;
  if (fit === 'model') return evalConfig;
  return { resize: imageSize, crop: imageSize, squash: false, interpolation: evalConfig.interpolation };
}

/** A batch of whole items: an image each, or all frames of a clip. */
export interface Prepared {
  readonly batch: Float32Array;
  readonly images: number;
  /** Items that could be read, with their number of images. */
  readonly items: readonly {
    readonly label: number;
    readonly answers: readonly number[] | undefined;
    readonly number: number;
    readonly images: number;
  }[];
  readonly failures: readonly Failure[];
}

/** Inputs of preparing images; of the model only its preprocessing. */
export interface PrepareOptions {
  readonly classifier: Pick<Classifier, 'preprocessing'>;
  readonly crew?: EvaluateOptions['crew'];
}

/** Decodes items of a part and makes them the model's input. */
export async function prepare(
  options: PrepareOptions,
  part: Part,
  items: readonly number[],
): Promise<Prepared> {
  const settings = settingsOf(options, part);
  const elems = itemElems(settings);
  const slot = new SharedArrayBuffer(4 * items.length * elems);
  const errors = new Map(await render(options.crew, part, items, settings, slot));
  const readable = items.map((_, i) => i).filter((i) => !errors.has(i));
  // Ordinary memory for the model: Dawn's writeBuffer ends the process when it is given shared memory.
  const batch = new Float32Array(readable.length * elems);
  for (const [to, from] of readable.entries())
    batch.set(new Float32Array(slot, 4 * from * elems, elems), to * elems);
  return {
    batch,
    images: readable.length * part.frames,
    items: readable.map((i) => {
      const item = items[i] as number;
      const [label, answers] = [part.label(item), part.answers?.(item)];
      return { label, answers, number: Number(part.place(item)), images: part.frames };
    }),
    failures: [...errors].map(([i, message]) => ({ key: part.keys[items[i] as number] as string, message })),
  };
}

/**
 * Images per second that decoding and corrupting brings, measured on a few items of parts from all over the list.
 * @param items of each part that may be used
 */
export async function preparationRate(
  options: PrepareOptions,
  parts: readonly { readonly part: Part; readonly items: readonly number[] }[],
): Promise<number> {
  const sampled = evenly(parts, 12);
  const count = options.crew?.size ?? 1;
  for (const { part, items } of sampled.slice(0, 1)) await prepare(options, part, evenly(items, count)); // opens the data
  let images = 0;
  const start = performance.now();
  for (const { part, items } of sampled) {
    const some = evenly(items, 2 * count);
    await prepare(options, part, some);
    images += some.length * part.frames;
  }
  return (1000 * images) / (performance.now() - start);
}

function settingsOf({ classifier }: PrepareOptions, part: Part): RenderSettings {
  const { imageSize, mean, std } = classifier.preprocessing;
  const { frames, stored, input } = part;
  return { imageSize, mean, std, frames, stored, input, evalConfig: evalConfigOf(part, classifier) };
}

/** Position and message of the items that failed, by position. All threads share each batch. */
async function render(
  crew: Crew | undefined,
  part: Part,
  items: readonly number[],
  settings: RenderSettings,
  slot: SharedArrayBuffer,
): Promise<(readonly [number, string])[]> {
  const { source } = part;
  if (crew === undefined || source === undefined) {
    const itemAt = new Map(items.map((item) => [part.place(item), item]));
    const load = (place: Place) => part.load(itemAt.get(place) as number);
    return renderItems(load, [...itemAt.keys()], settings, new Float32Array(slot));
  }
  const chunk = Math.ceil(items.length / crew.size);
  const starts = Array.from({ length: Math.ceil(items.length / chunk) }, (_, i) => i * chunk);
  const failures = await Promise.all(
    starts.map(async (at) => {
      const places = items.slice(at, at + chunk).map((item) => part.place(item));
      const failed = await crew.run({ kind: 'render', source, places, settings, slot, at });
      return failed.map(([i, message]) => [at + i, message] as const);
    }),
  );
  return failures.flat();
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
  const { classifier, batchSize, crew, signal } = options;
  const tally = scorer.begin(part.classes.length);
  const perBatch = Math.max(1, Math.floor(batchSize / part.frames));
  const batches: number[][] = [];
  for (let i = 0; i < unit.items.length; i += perBatch) batches.push(unit.items.slice(i, i + perBatch));
  // Enough batches ahead to keep every thread busy while the model works.
  const depth = Math.max(1, Math.ceil((2 * (crew?.size ?? 1)) / perBatch));
  const ahead: Promise<Prepared>[] = [];
  for (const [i, items] of batches.entries()) {
    if (signal?.aborted)
      throw new FrameworkError('evaluate/aborted', `the evaluation was stopped in ${unit.name}`, {
        hint: 'run it again with the same output folder to go on from there',
      });
    for (const batch of batches.slice(i + ahead.length, i + depth + 1))
      ahead.push(started(prepare(options, part, batch)));
    const prepared = await defined(ahead.shift(), 'a batch made ahead');
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
  const notes: (ImageNotes | undefined)[] = [];
  const elems = 3 * classifier.preprocessing.imageSize ** 2;
  const classes = classCount(classifier);
  for (let at = 0; at < prepared.images; at += batchSize) {
    const n = Math.min(batchSize, prepared.images - at);
    const batch = prepared.batch.subarray(at * elems, (at + n) * elems);
    // What is examined has one image an item.
    const examined = await classifier.examine?.(batch, prepared.items.slice(at, at + n));
    const logits = examined?.logits ?? (await classifier.logits(batch, n));
    checkLogits(logits, n, classifier);
    for (let row = 0; row < n; row++) {
      rows.push(logitsRow(logits, row, classes).slice());
      notes.push(examined?.notes[row]);
    }
  }
  let at = 0;
  for (const { label, answers, images } of prepared.items) {
    scorer.score(tally, rows.slice(at, at + images), label, answers);
    const own = notes[at];
    if (own !== undefined) addNotes(tally, own);
    at += images;
  }
}
