import type { Part } from '../images/parts.ts';
import { selectItems, type Selection } from '../images/selection.ts';
import type { Benchmark } from '../benchmark.ts';

/** Images that are evaluated and stored together: a killed evaluation repeats at most one unit. */
export interface WorkUnit {
  readonly index: number;
  /** E.g. `gaussian_noise/3 2 of 10`. */
  readonly name: string;
  readonly part: string;
  /** Items of the part, ascending. */
  readonly items: readonly number[];
}

const IMAGES_PER_UNIT = 5000;

/** The work list of a benchmark: parts in their order, each in pieces of about 5,000 images. A pure function. */
export function workUnits(
  parts: readonly Pick<Part, 'name' | 'keys' | 'frames'>[],
  selection: Selection,
  imagesPerUnit = IMAGES_PER_UNIT,
): WorkUnit[] {
  const units: WorkUnit[] = [];
  for (const part of parts) {
    const items = selectItems(part.keys, selection);
    const size = Math.max(1, Math.floor(imagesPerUnit / part.frames));
    const pieces = Math.ceil(items.length / size);
    for (let piece = 0; piece < pieces; piece++)
      units.push({
        index: units.length,
        name: pieces === 1 ? part.name : `${part.name} ${piece + 1} of ${pieces}`,
        part: part.name,
        items: items.slice(piece * size, (piece + 1) * size),
      });
  }
  return units;
}

/** The cost of an evaluation, for --dry-run. */
export interface EvaluationPlan {
  readonly benchmark: string;
  readonly images: number;
  /** Images through the model: frames count one each. */
  readonly forwardPasses: number;
  /** At the given rate; undefined without one. */
  readonly hours: number | undefined;
}

/**
 * @param parts opened parts, or undefined for what the release holds
 * @param imagesPerSecond measured rate of the model
 * @example plan(findBenchmark('c'), undefined, {}, 900) // 4.75 M forward passes, 1.47 hours
 */
export function plan(
  benchmark: Benchmark,
  parts: readonly Pick<Part, 'name' | 'keys' | 'frames'>[] | undefined,
  selection: Selection,
  imagesPerSecond?: number,
): EvaluationPlan {
  let images = 0;
  let forwardPasses = 0;
  for (const { count, frames } of parts ? opened(parts, selection) : released(benchmark, selection)) {
    images += count;
    forwardPasses += count * frames;
  }
  const hours = imagesPerSecond === undefined ? undefined : forwardPasses / imagesPerSecond / 3600;
  return { benchmark: benchmark.id, images, forwardPasses, hours };
}

function opened(parts: readonly Pick<Part, 'name' | 'keys' | 'frames'>[], selection: Selection) {
  return parts.map(({ keys, frames }) => ({ count: selectItems(keys, selection).length, frames }));
}

/** Sizes of the release: without a figure (Sketch) 50,000; ImageNet-O with its 10,000 validation images. */
function released(benchmark: Benchmark, { limit, subset }: Selection) {
  const sizes = benchmark.parts.map(({ name, expected }) => ({ name, expected: expected ?? 50_000 }));
  if (benchmark.needsVal) sizes.push({ name: 'in', expected: 10_000 });
  return sizes.map(({ name, expected }) => ({
    count: Math.min(subset === undefined ? expected : 5000, limit ?? Infinity, expected),
    frames: benchmark.frames(name),
  }));
}
