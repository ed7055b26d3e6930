import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NORMALIZATIONS } from '../../data/normalization.ts';
import { ClassAttentionSession, attentionOf, cumulativeShares } from '../../models/saliency.ts';
import { onFirst } from '../../mpi/ranks.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { readError, writeFileAtomic } from '../../util/files.ts';
import { describeEval } from '../benchmarks/evaluation/protocol.ts';
import { EvaluationStore } from '../benchmarks/evaluation/store.ts';
import { filesSha256 } from '../benchmarks/images/files-sha256.ts';
import { sha256File } from '../classifier/session-classifier.ts';
import type { AnalysisContext, OtherModel } from './analysis.ts';
import { chosenImages, inGroups, measureGroups, type ChosenImages, type Measure } from './measure-images.ts';
import { selectItems } from '../benchmarks/images/selection.ts';

/** Where the saliency of images comes from, ready for `SaliencyPatches`. */
export interface Saliency {
  /** Cumulative shares, float32 (images, patches). */
  readonly file: string;
  /** For the protocol. */
  readonly words: string;
}

/** Where the saliency of an analysis lies, once it is made. */
export function saliencyFile({ folder }: Pick<AnalysisContext, 'folder'>): string {
  return join(folder, 'saliency.f32');
}

/** Images of a unit: what is looked at again at most after a stop. */
const GROUP = 256;

/**
 * The saliency of every image: what the class token of a vision transformer attends to in its last block, or values that a file has.
 * @param source a file `.f32` of float32 (images of the data set, patches), or the weights of a vision transformer such as DINO's
 * @param across patches along a side
 */
export async function saliencyOf(
  context: AnalysisContext,
  source: string,
  { across, head }: { readonly across: number; readonly head: number | 'mean' },
): Promise<Saliency> {
  const images = await chosenImages(context, (part) => selectItems(part.keys, context.selection), '');
  try {
    const file = saliencyFile(context);
    if (source.endsWith('.f32')) {
      const rows = await givenRows(source, across ** 2);
      await onFirst(context.ranks, () => writeFileAtomic(file, bytesOf(rows)));
      return { file, words: `file ${(await sha256File(source)).slice(0, 12)}` };
    }
    const model = await defined(context.other, 'a way to open other models')(source);
    const { name } = model.weights.model;
    const words = `${name} ${model.sha256.slice(0, 12)} ${head === 'mean' ? 'mean over heads' : `head ${head}`}`;
    const rows = await attendedRows(context, model, images, { across, head, words });
    await onFirst(context.ranks, () => writeFileAtomic(file, bytesOf(rows)));
    return { file, words };
  } finally {
    await images.close();
  }
}

function bytesOf(rows: Float32Array): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
}

/** Rows of a file as cumulative shares. */
async function givenRows(source: string, patches: number): Promise<Float32Array> {
  const bytes = await readFile(source).catch((error: unknown) => {
    throw readError(source, error);
  });
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  if (values.length === 0 || values.length % patches !== 0 || !values.every((value) => value >= 0))
    throw new FrameworkError(
      'analysis/saliency',
      `${source} holds ${values.length} values; ${patches} of at least 0 are due for each image.`,
      {
        hint: 'Give one row of float32 for each image of the data set, in its order, and one value for each patch.',
      },
    );
  const out = new Float32Array(values.length);
  for (let at = 0; at < out.length; at += patches)
    out.set(cumulativeShares(values.subarray(at, at + patches)), at);
  return out;
}

/** What the model attends to, image by image; rows of images that are not looked at stay empty. */
async function attendedRows(
  context: AnalysisContext,
  model: OtherModel,
  { part, items, lists }: ChosenImages,
  {
    across,
    head,
    words,
  }: { readonly across: number; readonly head: number | 'mean'; readonly words: string },
): Promise<Float32Array> {
  const { device } = await context.onDevice();
  if (model.imageSize !== context.imageSize)
    throw new FrameworkError(
      'analysis/saliency',
      `${model.weights.model.name} takes images of ${model.imageSize} px, the model that is analysed of ${context.imageSize}.`,
      { hint: 'Give a file of saliency, one row of float32 for each image.' },
    );
  const shape = { batch: context.batch, channels: 3, imageSize: model.imageSize };
  const session = await ClassAttentionSession.create(device, model.weights, shape);
  const store = await EvaluationStore.open(
    join(context.folder, 'saliency'),
    {
      saliency: words,
      across,
      preprocessing: describeEval(context.about.evalConfig),
      files: await filesSha256(lists),
    },
    context.ranks,
  );
  // DINO was trained on images normalised so, whatever the analysed model takes.
  const about = { ...context, about: { ...context.about, normalization: NORMALIZATIONS.imagenet } };
  const groups = inGroups(items, GROUP);
  const measured = await measureGroups(
    context,
    store,
    part,
    groups,
    attention(session, across, head),
    about,
  ).finally(() => {
    session.destroy();
  });
  const failed = new Set(measured.failures.map(({ key }) => key));
  const seen = items.filter((item) => !failed.has(part.keys[item] as string));
  const rows = new Float32Array(
    (Math.max(...items.map((item) => Number(part.place(item)))) + 1) * across ** 2,
  );
  for (const [i, item] of seen.entries())
    rows.set(
      cumulativeShares(Float32Array.from(measured.rows[i] ?? [])),
      Number(part.place(item)) * across ** 2,
    );
  return rows;
}

/** One row an image: the attention that falls on each patch. */
function attention(session: ClassAttentionSession, across: number, head: number | 'mean'): Measure {
  return async (batches) => {
    const rows: number[][] = [];
    for await (const { x, n } of batches) {
      const attended = await session.attend(x, n);
      for (let i = 0; i < n; i++) rows.push(Array.from(onPatches(attentionOf(attended, i, head), across)));
    }
    return rows;
  };
}

/** A finer grid's cells are added up: 2×2 of DINO S/8 make a patch of 16 px. */
export function onPatches(cells: Float32Array, across: number): Float32Array {
  const fine = Math.sqrt(cells.length);
  const factor = fine / across;
  if (!Number.isInteger(factor))
    throw new FrameworkError(
      'analysis/saliency',
      `A grid of ${fine}×${fine} attended cells does not fit ${across}×${across} patches.`,
      {
        hint: 'Choose --patch so that a patch holds whole cells: 16 for DINO S/16 at 224 px.',
      },
    );
  const out = new Float32Array(across * across);
  for (const [i, value] of cells.entries()) {
    const at = Math.floor(Math.floor(i / fine) / factor) * across + Math.floor((i % fine) / factor);
    out[at] = (out[at] as number) + value;
  }
  return out;
}
