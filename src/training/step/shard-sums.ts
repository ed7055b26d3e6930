import type { Device } from '../../device/device.ts';
import type { Program } from '../../execution/program.ts';
import { FlatStore, type Slice } from '../../execution/store.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { defined } from '../../util/errors.ts';
import { additions, type Addition } from './buckets.ts';

/**
 * The sum of gradients over this process's shards as one balanced tree, nearest first: ((0 + 1) + (2 + 3)) + …. A shard's gradient
 * accumulates in the gradient store from zero. Sums of 1, 2, 4, … shards that wait for their neighbour are kept, one of each size.
 */
export class ShardSums {
  private readonly gradients: FlatStore;
  private readonly waiting: readonly FlatStore[];
  private readonly shards: number;
  private readonly buckets: readonly Slice[];
  /** For each bucket, the additions of all sizes, smallest first. */
  private readonly program: Program | undefined;

  private constructor(
    gradients: FlatStore,
    waiting: readonly FlatStore[],
    shards: number,
    buckets: readonly Slice[],
    program: Program | undefined,
  ) {
    this.gradients = gradients;
    this.waiting = waiting;
    this.shards = shards;
    this.buckets = buckets;
    this.program = program;
  }

  /** @param shards of this process, a power of two */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    gradients: FlatStore,
    buckets: readonly Slice[],
    shards: number,
  ): Promise<ShardSums> {
    const waiting = await device.guard('allocating sums of shards', () =>
      Array.from(
        { length: Math.log2(shards) },
        (_, level) => new FlatStore(device, `gradients of ${2 ** level} shards`, gradients.layout),
      ),
    );
    const list = buckets.flatMap((bucket) =>
      waiting.map((store): Addition => {
        const at = bucket.offset * 4;
        return {
          elems: bucket.elems,
          from: { buffer: store.chunk(bucket), offset: at },
          to: { buffer: gradients.chunk(bucket), offset: at },
        };
      }),
    );
    const program = list.length === 0 ? undefined : await additions(device, pipelines, list, 'sum of shards');
    return new ShardSums(gradients, waiting, shards, buckets, program);
  }

  /** The end of a shard but the last: adds the sums it completes, and puts the result aside. @param index from 0 */
  endShard(encoder: GPUCommandEncoder, index: number): void {
    const level = Math.log2((index + 1) & -(index + 1));
    for (const bucket of this.buckets.keys()) this.add(encoder, bucket, level);
    const { buffers } = defined(this.waiting[level], 'sum of shards');
    this.gradients.buffers.forEach((gradient, i) => {
      encoder.copyBufferToBuffer(gradient, 0, defined(buffers[i], 'chunk'), 0, gradient.size);
      encoder.clearBuffer(gradient);
    });
  }

  /** After the last shard: the gradient store then holds a bucket's sum over all shards. */
  endBucket(encoder: GPUCommandEncoder, bucket: number): void {
    this.add(encoder, bucket, this.waiting.length);
  }

  private add(encoder: GPUCommandEncoder, bucket: number, levels: number): void {
    const first = bucket * this.waiting.length;
    if (levels > 0) this.program?.encode(encoder, first, first + levels);
  }

  /** The shard that ends with a micro-batch, if one does. @param number of it, from 1 @param of so many */
  endingWith(number: number, of: number): number | undefined {
    const shard = number / (of / this.shards) - 1;
    return Number.isInteger(shard) ? shard : undefined;
  }

  get bytes(): number {
    return this.waiting.reduce((sum, store) => sum + store.bytes, 0);
  }
}
