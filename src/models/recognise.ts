import type { Shapes } from '../formats/names.ts';
import { MOST_STAGES } from './options.ts';

/** Helpers with which families recognise their models by the entries of a state dict. */

/** More blocks than any model has. */
const MOST_BLOCKS = 1000;

/** How many different numbers follow `prefix` in the names. */
export function childrenOf(shapes: Shapes, prefix: string): number {
  const found = new Set<string>();
  for (const name of shapes.keys()) {
    if (!name.startsWith(prefix)) continue;
    const [number = ''] = /^\d+/.exec(name.slice(prefix.length)) ?? [];
    if (number !== '') found.add(number);
  }
  return found.size;
}

/** Blocks of each stage; nothing where there are no stages or absurdly many blocks. */
export function depthsFrom(children: (stage: number) => number): number[] | undefined {
  const depths: number[] = [];
  for (let stage = 0; stage < MOST_STAGES && children(stage) > 0; stage++) {
    depths.push(children(stage));
    if (depths.reduce((sum, depth) => sum + depth, 0) > MOST_BLOCKS) return undefined;
  }
  return depths.length === 0 ? undefined : depths;
}

/** An extent of one entry for each stage, where all of them are there. */
export function extentsOf(
  shapes: Shapes,
  names: readonly string[],
  axis: number,
): readonly number[] | undefined {
  const extents = names.flatMap((name) => shapes.get(name)?.at(axis) ?? []);
  return extents.length === names.length ? extents : undefined;
}
