import { basename } from 'node:path';
import { imagenetValSubset5k } from '../../../data/classes.ts';
import { FrameworkError } from '../../../util/errors.ts';

/** Which images of each part are evaluated. */
export interface Selection {
  /** At most this many of each part, evenly spaced in list order. */
  readonly limit?: number | undefined;
  /** RobustBench's 5,000 validation images, by file number; for the clean images and everything made from them. */
  readonly subset?: 'val-subset-5k' | undefined;
}

/** Items of a part that are evaluated, ascending. Throws `evaluate/selection` if none is left. */
export function selectItems(keys: readonly string[], selection: Selection): number[] {
  let items = [...keys.keys()];
  if (selection.subset !== undefined) {
    const numbers = new Set(imagenetValSubset5k());
    items = items.filter((i) => numbers.has(valNumber(keys[i] as string)));
  }
  const { limit } = selection;
  if (limit !== undefined && limit < items.length) {
    const all = items;
    items = Array.from({ length: limit }, (_, i) => all[Math.floor((i * all.length) / limit)] as number);
  }
  if (items.length === 0)
    throw new FrameworkError(
      'evaluate/selection',
      `none of the ${keys.length} files, such as ${keys[0] ?? '(none)'}, is in ${selection.subset ?? `the first ${limit ?? 0}`}`,
      { hint: 'the subset applies to images named ILSVRC2012_val_<number>; use a limit for others' },
    );
  return items;
}

/** The number in `ILSVRC2012_val_<number>.<anything>`, or −1. */
export function valNumber(key: string): number {
  return Number(/^ILSVRC2012_val_(\d{8})\./.exec(basename(key))?.[1] ?? -1);
}
