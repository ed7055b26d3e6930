import type { Device } from '../../device/device.ts';
import type { Program } from '../../execution/program.ts';
import type { FlatStore } from '../../execution/store.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { defined } from '../../util/errors.ts';
import { started } from '../../util/turn.ts';
import { BatchStatistics } from './batch-statistics.ts';
import { bucketsOf, stretchesOf, type Stretch } from './buckets.ts';
import { RankSums } from './rank-sums.ts';
import { ShardSums } from './shard-sums.ts';
import type { TrainingPlan } from './training-plan.ts';

/** The stores that a step's shards meet in. */
interface ShardStores {
  readonly gradient: FlatStore;
  readonly state: FlatStore;
  readonly statistics: FlatStore | undefined;
}

/**
 * What happens between a step's micro-batches and its update where the batch has several shards: their gradients become one, on every
 * rank, and BatchNorm's running statistics move by all micro-batches. The result does not depend on the number of ranks.
 */
export class Shards {
  private readonly device: Device;
  private readonly sums: ShardSums;
  private readonly statistics: BatchStatistics | undefined;
  private readonly between: { readonly ranks: Ranks; readonly sums: RankSums } | undefined;
  private readonly buckets: number;
  /** Of a micro-batch. */
  private readonly stretches: readonly Stretch[];
  /** Of this process in a step. */
  private readonly microBatches: number;
  private readonly firstMicroBatch: number;

  private constructor(
    device: Device,
    parts: {
      readonly sums: ShardSums;
      readonly statistics: BatchStatistics | undefined;
      readonly between: { readonly ranks: Ranks; readonly sums: RankSums } | undefined;
      readonly buckets: number;
      readonly stretches: readonly Stretch[];
      readonly microBatches: number;
    },
  ) {
    this.device = device;
    this.sums = parts.sums;
    this.statistics = parts.statistics;
    this.between = parts.between;
    this.buckets = parts.buckets;
    this.stretches = parts.stretches;
    this.microBatches = parts.microBatches;
    this.firstMicroBatch = (parts.between?.ranks.rank ?? 0) * parts.microBatches;
  }

  /** @param ranks that share the shards evenly @param bucketElems of a bucket of gradients at most; no bit depends on it */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    plan: TrainingPlan,
    { gradient, state, statistics }: ShardStores,
    ranks: Ranks | undefined,
    bucketElems?: number,
  ): Promise<Shards> {
    const size = ranks?.size ?? 1;
    const buckets = bucketsOf(plan.layout, bucketElems);
    const whole = plan.batch / plan.micro;
    const sums = await ShardSums.create(device, pipelines, gradient, buckets, plan.shards / size);
    const between = ranks && {
      ranks,
      sums: await RankSums.create(device, pipelines, gradient, buckets, ranks),
    };
    const kept =
      plan.statistics &&
      statistics &&
      (await BatchStatistics.create(
        device,
        pipelines,
        plan.statistics,
        { state, statistics },
        whole,
        ranks !== undefined,
      ));
    return new Shards(device, {
      sums,
      statistics: kept,
      between,
      buckets: buckets.length,
      stretches: stretchesOf(plan.step.plan, plan.layout, buckets),
      microBatches: whole / size,
    });
  }

  /** After a micro-batch of this process; between ranks the last of a step is `share`'s. @param number from 1, in the step */
  afterMicroBatch(encoder: GPUCommandEncoder, number: number): void {
    this.statistics?.keep(encoder, this.firstMicroBatch + number - 1);
    const shard = this.sums.endingWith(number, this.microBatches);
    if (shard === undefined) return;
    if (number < this.microBatches) this.sums.endShard(encoder, shard);
    else if (this.between === undefined)
      for (let bucket = 0; bucket < this.buckets; bucket++) this.sums.endBucket(encoder, bucket);
  }

  /**
   * The last micro-batch of a step between ranks, and the sums over them: a bucket of gradients is on its way while the next is computed.
   * @param step forward and backward @param after records what follows the last of them
   * @returns for how long the device had nothing to do but wait for other ranks, in ms
   */
  async share(step: Pick<Program, 'run'>, after: (encoder: GPUCommandEncoder) => void): Promise<number> {
    const { ranks, sums } = defined(this.between, 'ranks');
    const { gpu } = this.device;
    const work: Promise<void>[] = [];
    let [before, computed]: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
    for (const [i, { from, to, buckets }] of this.stretches.entries()) {
      step.run(from, to);
      const encoder = gpu.createCommandEncoder();
      for (const bucket of buckets) this.sums.endBucket(encoder, bucket);
      if (i === this.stretches.length - 1) after(encoder);
      gpu.queue.submit([encoder.finish()]);
      // One stretch waits on the queue behind the one that is computed; more would keep sums of ranks behind them.
      [before, computed] = [computed, this.device.wait(gpu.queue.onSubmittedWorkDone())];
      for (const bucket of buckets) work.push(started(sums.reduce(bucket)));
      await before;
    }
    if (this.statistics !== undefined) work.push(started(this.statistics.share(ranks)));
    await computed;
    const since = performance.now();
    await Promise.all(work);
    return performance.now() - since;
  }

  /** Before the update. */
  finish(encoder: GPUCommandEncoder): void {
    this.statistics?.replay(encoder);
  }

  /** Bytes of device memory, without the stores that it was given. */
  get bytes(): number {
    return this.sums.bytes + (this.statistics?.bytes ?? 0) + (this.between?.sums.bytes ?? 0);
  }
}
