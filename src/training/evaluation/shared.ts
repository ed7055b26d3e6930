/** An evaluation whose batches ranks share. */
import type { LoaderShare } from '../../data/order.ts';
import { bytesOf, type Ranks } from '../../mpi/ranks.ts';

/** The batches that a rank evaluates. */
export function shareOf(ranks: Ranks | undefined): LoaderShare | undefined {
  return ranks && { every: ranks.size, from: ranks.rank, to: ranks.rank + 1 };
}

/** A batch's results; see `measure`. */
export interface MeasuredBatch {
  /** Its number in the evaluation. */
  readonly step: number;
  readonly values: Float64Array;
}

interface Pass {
  readonly measured: readonly MeasuredBatch[];
  /** Keys of images that could not be read. */
  readonly failures: readonly string[];
}

/** The batches of all ranks in the order of one process. Numbers go as bytes, which loses none of theirs. */
export async function ofAll(ranks: Ranks | undefined, { measured, failures }: Pass): Promise<Pass> {
  if (ranks === undefined) return { measured, failures };
  const batches = measured.map(({ step, values }) => ({
    step,
    data: Buffer.from(bytesOf(values)).toString('base64'),
  }));
  const all = await ranks.gatherAll({ batches, failures });
  return {
    measured: all
      .flatMap((one) => one.batches)
      .sort((a, b) => a.step - b.step)
      .map(({ step, data }) => ({
        step,
        values: new Float64Array(new Uint8Array(Buffer.from(data, 'base64')).buffer),
      })),
    failures: all.flatMap((one) => one.failures),
  };
}
