import { readFileSync } from 'node:fs';
import { FrameworkError } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import type { ChangedImage } from './changed-image.ts';

/**
 * Square patches of an image, blacked out (Naseer et al. 2021). Black is 0 before normalisation, so −mean/std after it.
 * Patterns of one image and repetition grow: what is dropped at 10 % is dropped at 20 %.
 */
export interface PatchDrop {
  readonly kind: 'patches';
  /** Side of a patch in pixels; divides that of the image. */
  readonly patch: number;
  readonly fill: 'zero' | 'mean' | 'noise';
  readonly choice: RandomPatches | SaliencyPatches;
}

/** So many patches, drawn without replacement. */
export interface RandomPatches {
  readonly kind: 'random';
  readonly count: number;
  readonly seed: number;
  readonly repetition: number;
  /** Consecutive images that share a pattern: 1, or the batch of the released code. */
  readonly group: number;
}

/** Patches by their share of an image's saliency. */
export interface SaliencyPatches {
  readonly kind: 'salient' | 'background';
  /** Share of the saliency that is dropped. */
  readonly share: number;
  /** What becomes of the patch with which the salient set passes its share. */
  readonly boundary: 'include' | 'exclude';
  /** A file of float32, (images, patches): the cumulative shares of each image's patches; the row is the image's number. */
  readonly file: string;
}

/** Patches along a side. @throws FrameworkError `analysis/patch` */
export function patchesAcross(imageSize: number, patch: number): number {
  if (imageSize % patch === 0) return imageSize / patch;
  throw new FrameworkError(
    'analysis/patch',
    `images of ${imageSize} px cannot be cut into patches of ${patch} px`,
    { hint: 'choose a patch that divides the side of the image' },
  );
}

export function dropPatches(x: Float32Array, change: PatchDrop, image: ChangedImage): void {
  const across = patchesAcross(image.imageSize, change.patch);
  const dropped = droppedPatches(change, image.number, across ** 2);
  const fill = filling(change, image);
  const { imageSize: side } = image;
  for (const [cell, isDropped] of dropped.entries()) {
    if (isDropped === 0) continue;
    const [top, left] = [Math.floor(cell / across) * change.patch, (cell % across) * change.patch];
    for (let c = 0; c < 3; c++)
      for (let row = top; row < top + change.patch; row++)
        for (let at = (c * side + row) * side + left, end = at + change.patch; at < end; at++)
          x[at] = fill(c);
  }
}

/** 1 for each patch that is dropped, row by row. */
export function droppedPatches({ choice }: PatchDrop, number: number, patches: number): Uint8Array {
  if (choice.kind === 'random') return randomPatches(choice, number, patches);
  return salientPatches(cumulativeRow(choice.file, number, patches), choice);
}

/**
 * What is dropped, from the cumulative shares of saliency (`cumulativeShares`): of the salient patches the smallest set that holds the share,
 * of the others the complement of the set that holds the rest. Without the patch at its boundary that set is the largest of the most salient
 * patches that holds no more than its share.
 */
export function salientPatches(
  cumulative: Float32Array,
  { kind, share, boundary }: Pick<SaliencyPatches, 'kind' | 'share' | 'boundary'>,
): Uint8Array {
  const mass = kind === 'salient' ? share : 1 - share;
  const rest = Math.fround(1 - mass);
  // Of all less salient patches together.
  const below = boundary === 'exclude' ? predecessors(cumulative) : undefined;
  // All of the saliency is all patches, those without any too: nothing dropped is the image, everything is black.
  const marked = (value: number) =>
    mass >= 1 || (mass > 0 && (below === undefined ? value > rest : (below.get(value) ?? 0) >= rest));
  return Uint8Array.from(cumulative, (value) => Number(marked(value) === (kind === 'salient')));
}

/** The cumulative share before each. */
function predecessors(cumulative: Float32Array): ReadonlyMap<number, number> {
  const sorted = cumulative.slice().sort();
  return new Map(Array.from(sorted, (value, i) => [value, sorted[i - 1] ?? 0]));
}

function randomPatches({ count, seed, repetition, group }: RandomPatches, number: number, patches: number) {
  const order = new Rng(seed, `occlusion ${repetition}`, Math.floor(number / group)).permutation(patches);
  const dropped = new Uint8Array(patches);
  for (const cell of order.subarray(0, count)) dropped[cell] = 1;
  return dropped;
}

const files = new Map<string, Float32Array>();

/** One row of such a file, which is kept in memory: it is written before and never changes. */
function cumulativeRow(file: string, number: number, patches: number): Float32Array {
  const known = files.get(file);
  const all = known ?? floatsOf(readFileSync(file));
  if (known === undefined) {
    files.clear();
    files.set(file, all);
  }
  const row = all.subarray(number * patches, (number + 1) * patches);
  if (row.some((share) => Number.isNaN(share)))
    throw new FrameworkError(
      'analysis/saliency',
      `The saliency of image ${number} has no shares: its values are all zero, or not all finite.`,
      { hint: 'Give every image that is looked at a patch of more than 0.' },
    );
  if (row.length === patches) return row;
  throw new FrameworkError(
    'analysis/saliency',
    `${file} holds ${all.length} values; image ${number} needs ${patches} of its own`,
    {
      hint: 'give one row of float32 for each image of the data set, in its order, and one value for each patch',
    },
  );
}

function floatsOf(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** The value of the dropped pixels of a channel. */
function filling({ fill, choice }: PatchDrop, { mean, std, number }: ChangedImage): (c: number) => number {
  if (fill === 'mean') return () => 0;
  const normalised = (value: number, c: number) =>
    Math.fround(Math.fround(value) - Math.fround(mean[c] as number)) / Math.fround(std[c] as number);
  if (fill === 'zero') return (c) => normalised(0, c);
  const seed = choice.kind === 'random' ? choice.seed : 0;
  const rng = new Rng(seed, 'occlusion fill', number);
  return (c) => normalised(rng.int(256) / 255, c);
}
