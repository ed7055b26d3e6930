import { readFileSync } from 'node:fs';
import { FrameworkError } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import type { ChangedImage } from './change.ts';

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
  readonly boundary: Boundary;
  /** A file of float32 saliency, (images, patches); the row is the image's number. */
  readonly file: string;
}

/** Whether the patch at which the share is reached belongs to the salient ones. */
export type Boundary = 'include' | 'exclude';

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
        for (let at = (c * side + row) * side + left, end = at + change.patch; at < end; at++) x[at] = fill(c);
  }
}

/** 1 for each patch that is dropped, row by row. */
export function droppedPatches({ choice }: PatchDrop, number: number, patches: number): Uint8Array {
  if (choice.kind === 'random') return randomPatches(choice, number, patches);
  const row = saliencyRow(choice.file, number, patches);
  if (choice.kind === 'salient') return salientPatches(row, choice.share, choice.boundary);
  const kept = salientPatches(row, 1 - choice.share, choice.boundary);
  return kept.map((isKept) => 1 - isKept);
}

function randomPatches({ count, seed, repetition, group }: RandomPatches, number: number, patches: number) {
  const order = new Rng(seed, `occlusion ${repetition}`, Math.floor(number / group)).permutation(patches);
  const dropped = new Uint8Array(patches);
  for (const cell of order.subarray(0, count)) dropped[cell] = 1;
  return dropped;
}

/** Sums of float64 shares may miss a share that decimals state by this much. */
const ROUNDING = 1e-9;

/**
 * Marks the smallest set of patches of highest saliency whose share is at least `share`; 0 marks none, 1 marks all. Of equal
 * patches the later is marked first. (IPViT: the cumulative sum of ascending shares exceeds 1 − share; the patch that crosses is in.)
 * @example salientPatches([0.1, 0.2, 0.3, 0.4], 0.5, 'include') // 0 0 1 1
 */
export function salientPatches(saliency: ArrayLike<number>, share: number, boundary: Boundary): Uint8Array {
  const marked = new Uint8Array(saliency.length);
  const total = Array.from(saliency).reduce((sum, value) => sum + value, 0);
  const order = Array.from(marked.keys()).sort(
    (a, b) => (saliency[b] as number) - (saliency[a] as number) || b - a,
  );
  if (share >= 1) return marked.fill(1);
  let sum = 0;
  for (const cell of order) {
    if (sum >= share * total - ROUNDING * total) break;
    sum += saliency[cell] as number;
    if (boundary === 'exclude' && sum > share * total + ROUNDING * total) break;
    marked[cell] = 1;
  }
  return marked;
}

const files = new Map<string, Float32Array>();

/** One row of a file of float32 saliency, which is kept open: the file is written before and never changes. */
function saliencyRow(file: string, number: number, patches: number): Float32Array {
  const known = files.get(file);
  const all = known ?? floatsOf(readFileSync(file));
  if (known === undefined) {
    files.clear();
    files.set(file, all);
  }
  const row = all.subarray(number * patches, (number + 1) * patches);
  if (row.length === patches) return row;
  throw new FrameworkError(
    'analysis/saliency',
    `${file} holds ${all.length} values; image ${number} needs ${patches} of its own`,
    { hint: 'give one row of float32 for each image of the data set, in its order, and one value for each patch' },
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
