import { TAGS, bytesOf, type Ranks } from '../../mpi/ranks.ts';
import { SCALER } from '../../ops/loss-scale/op.ts';

/** Results of one optimiser step. */
export interface StepResult {
  /** Mean loss over the effective batch: cross-entropy, and with a teacher its share of the teacher's term. */
  readonly loss: number;
  /** L2 norm of the whole gradient, before clipping. */
  readonly gradNorm: number;
  /** The loss scale, with `precision: f16`. If the gradient overflowed, the step changed nothing. */
  readonly lossScale?: number;
  /** Steps whose gradient overflowed so far, over all ends of the run; with `precision: f16`. */
  readonly skipped?: number;
  /** Between ranks: for how long this process's device waited for gradients to be summed, with nothing left to compute. */
  readonly exposedMs?: number;
}

/** From the numbers that come back from the device to the result of a step; the same on every rank. */
export class StepResults {
  /** Numbers of a step: this process's losses, the squared norm, the state of loss scaling. */
  readonly length: number;
  private readonly batch: number;
  private readonly share: number;
  private readonly isScaled: boolean;
  private readonly ranks: Ranks | undefined;
  private gathered: Promise<unknown> = Promise.resolve();

  /** @param batch images of a step @param isScaled with `precision: f16` */
  constructor(batch: number, isScaled: boolean, ranks: Ranks | undefined) {
    this.batch = batch;
    this.share = batch / (ranks?.size ?? 1);
    this.isScaled = isScaled;
    this.ranks = ranks;
    this.length = this.share + 1 + SCALER.length;
  }

  async of(values: Float32Array): Promise<StepResult> {
    const { batch, share } = this;
    let loss = 0;
    for (const value of await this.lossesOfAll(values.subarray(0, share))) loss += value;
    loss /= batch;
    const norm = Math.sqrt(values[share] as number);
    if (!this.isScaled) return { loss, gradNorm: norm };
    const scalerAt = (name: (typeof SCALER)[number]) => values[share + 1 + SCALER.indexOf(name)] as number;
    const lossScale = scalerAt('used');
    return { loss, gradNorm: norm / lossScale, lossScale, skipped: scalerAt('skipped') };
  }

  /** The losses of a step's images, in order. Steps come one after another. */
  private lossesOfAll(own: Float32Array): Promise<Float32Array> {
    const { ranks } = this;
    if (ranks === undefined) return Promise.resolve(own);
    const all = new Float32Array(this.batch);
    all.set(own, ranks.rank * own.length);
    const gathered = this.gathered.then(() => ranks.allGather(TAGS.losses, bytesOf(all)));
    this.gathered = gathered;
    return gathered.then(() => all);
  }
}
