/** Reads every image of a data set once and says what is there, whatever the format. */
import type { ClassInfo, DatasetSpec, Note } from './dataset.ts';
import { openDataset } from './datasets.ts';
import { inLanes } from './lanes.ts';
import type { Failure } from './render.ts';
import { messageOf } from '../util/errors.ts';

export interface VerifyReport {
  readonly name: string;
  readonly images: number;
  /** Classes in label order, with those that have no image. */
  readonly classes: readonly (ClassInfo & { readonly label: number; readonly images: number })[];
  /** Classes without any image, e.g. 785 of 1000 where 215 wnid folders are there. */
  readonly emptyClasses: number;
  /** Images that cannot be decoded, in order. */
  readonly unreadable: readonly Failure[];
  /** Ids of classes that have images, but none that can be decoded. */
  readonly unreadableClasses: readonly string[];
  /** Class folders that are the same folder, or differ only in case. */
  readonly duplicateClasses: readonly string[];
  /** Everything else found beside the data. */
  readonly notes: readonly Note[];
  /** Smallest and largest side of the readable images, in pixels; 0 if none is readable. */
  readonly sides: { readonly smallest: number; readonly largest: number };
}

/** Images decoded at once: as many as the thread pool has threads. */
const LANES = 4;

/**
 * @param onProgress told the number of images read so far
 * @throws FrameworkError if the data set cannot be opened at all, e.g. an archive that is cut off
 */
export async function verifyDataset(
  spec: DatasetSpec,
  onProgress?: (done: number, total: number) => void,
): Promise<VerifyReport> {
  const dataset = await openDataset(spec);
  try {
    const counts = new Array<number>(dataset.classes.length).fill(0);
    const decoded = new Set<number>();
    const unreadable: (Failure & { index: number })[] = [];
    let done = 0;
    let smallest = Infinity;
    let largest = 0;
    await inLanes(dataset.length, LANES, async (index) => {
      const label = dataset.label(index);
      counts[label] = (counts[label] as number) + 1;
      try {
        const { width, height } = await dataset.read(index);
        decoded.add(label);
        smallest = Math.min(smallest, width, height);
        largest = Math.max(largest, width, height);
      } catch (error) {
        unreadable.push({ index, key: dataset.key(index), message: messageOf(error) });
      }
      onProgress?.(++done, dataset.length);
    });
    unreadable.sort((a, b) => a.index - b.index);
    const { classes, notes } = dataset;
    return {
      name: dataset.name,
      images: dataset.length,
      classes: classes.map((info, label) => ({ ...info, label, images: counts[label] as number })),
      emptyClasses: counts.filter((count) => count === 0).length,
      unreadable: unreadable.map(({ key, message }) => ({ key, message })),
      unreadableClasses: classes.filter((_, i) => counts[i] !== 0 && !decoded.has(i)).map(({ id }) => id),
      duplicateClasses: notes.filter(({ kind }) => kind === 'duplicate class').map(({ path }) => path),
      notes: notes.filter(({ kind }) => kind !== 'duplicate class'),
      sides: { smallest: largest === 0 ? 0 : smallest, largest },
    };
  } finally {
    await dataset.close();
  }
}
