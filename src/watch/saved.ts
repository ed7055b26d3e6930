import type { RunWatch } from './run-watch.ts';
import { Runs } from './runs.ts';
import { snapshotOf } from './live.ts';
import type { Looks, Snapshot } from './wire.ts';

/** Bytes of pictures and tables in a file that stands alone. */
const LOOKS_BYTES = 2 ** 23;

/** Runs below some paths as they are now, read whole. @param opened told of each before @throws FrameworkError as `findRuns` */
export async function readRuns(paths: readonly string[], opened?: (run: RunWatch) => void): Promise<Runs> {
  const runs = new Runs(paths, opened);
  await runs.find();
  return runs;
}

/** What a file holds that stands alone: the looks of as many runs as it can carry. */
export function savedSnapshot(runs: Runs): Snapshot {
  const snapshot = snapshotOf(runs);
  let left = LOOKS_BYTES;
  const withLooks = snapshot.runs.map((view, i) => {
    const { looks } = runs.all[i] as RunWatch;
    left -= sizeOf(looks);
    return left < 0 ? view : { ...view, looks };
  });
  return { ...snapshot, runs: withLooks };
}

function sizeOf(looks: Looks): number {
  return JSON.stringify(looks).length;
}
