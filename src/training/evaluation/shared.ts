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

/** The agreements to stop during a pass: one for each batch that all ranks have, also where no image of it could be read. */
export class Agreements {
  private readonly agree: () => Promise<void>;
  private readonly size: number;
  private readonly count: number;
  private made = 0;

  /** @param agree makes a request to one rank one to all @param batches of all ranks */
  constructor(agree: () => Promise<void>, ranks: Ranks | undefined, batches: number) {
    this.agree = agree;
    this.size = ranks?.size ?? 1;
    this.count = Math.floor(batches / this.size);
  }

  /** Before a rank evaluates a batch. @param step its number in the evaluation */
  async before(step: number): Promise<void> {
    await this.upTo(Math.floor(step / this.size) + 1);
  }

  /** After a rank's last batch. */
  async end(): Promise<void> {
    await this.upTo(this.count);
  }

  private async upTo(round: number): Promise<void> {
    for (; this.made < Math.min(round, this.count); this.made++) await this.agree();
  }
}
