import type { Device } from '../../device/device.ts';
import type { Program } from '../../execution/program.ts';
import type { FlatStore, Slice } from '../../execution/store.ts';
import { TAGS, type Ranks } from '../../mpi/ranks.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { defined } from '../../util/errors.ts';
import { started } from '../../util/turn.ts';
import { additions, halvesOf, type Addition } from './buckets.ts';
import { ReadWindow, WriteWindow } from './windows.ts';

/** One exchange of a bucket's reduction: this rank keeps one half of what it has, and gives the other to its partner. */
interface Level {
  readonly partner: number;
  readonly keep: Slice;
  readonly give: Slice;
  /** Number of its addition; undefined where a small bucket leaves this rank nothing. */
  readonly command: number | undefined;
}

/** The memory of one bucket. */
interface Desk {
  readonly bucket: Slice;
  readonly levels: readonly Level[];
  readonly read: ReadWindow;
  readonly write: WriteWindow;
  /** Partners' halves on the device. */
  readonly incoming: GPUBuffer;
  /** The half of the reduced bucket that this rank has before the last exchange, where there are others. */
  readonly held: Uint8Array;
}

const bytes = ({ elems }: Slice) => elems * 4;

/**
 * The sum of gradients over ranks, which continues the tree of the shards: rank r adds with r ± 1 first, then with r ± 2, …. A bucket is
 * reduced by halving (each addition takes place on one rank, on its device) and gathered by doubling.
 */
export class RankSums {
  private readonly device: Device;
  private readonly gradients: FlatStore;
  private readonly ranks: Ranks;
  private readonly desks: readonly Desk[];
  /** For each bucket, the additions of its levels. */
  private readonly program: Program;

  private constructor(
    device: Device,
    gradients: FlatStore,
    ranks: Ranks,
    desks: readonly Desk[],
    program: Program,
  ) {
    this.device = device;
    this.gradients = gradients;
    this.ranks = ranks;
    this.desks = desks;
    this.program = program;
  }

  static async create(
    device: Device,
    pipelines: PipelineCache,
    gradients: FlatStore,
    buckets: readonly Slice[],
    ranks: Ranks,
  ): Promise<RankSums> {
    let commands = 0;
    const desks = await device.guard('allocating memory for sums over ranks', () =>
      buckets.map((bucket, i): Desk => {
        const levels = levelsOf(bucket, ranks).map((level): Level => ({
          ...level,
          command: level.keep.elems > 0 ? commands++ : undefined,
        }));
        const most = Math.max(...levels.flatMap(({ keep, give }) => [bytes(keep), bytes(give)]));
        return {
          bucket,
          levels,
          read: new ReadWindow(device, `gradients to send ${i}`, most),
          write: new WriteWindow(device, `received gradients ${i}`, bytes(bucket)),
          incoming: device.buffer(`partner’s gradients ${i}`, most),
          held: new Uint8Array(levels.length > 1 ? bytes(defined(levels[0], 'level').keep) : 0),
        };
      }),
    );
    const list = desks.flatMap(({ levels, incoming }) =>
      levels.flatMap(({ keep, command }): Addition[] => {
        if (command === undefined) return [];
        const to = { buffer: gradients.chunk(keep), offset: bytesBefore(keep) };
        return [{ elems: keep.elems, from: { buffer: incoming, offset: 0 }, to }];
      }),
    );
    const program = await additions(device, pipelines, list, 'sum of ranks');
    return new RankSums(device, gradients, ranks, desks, program);
  }

  /** Sums a bucket over all ranks, after the work submitted so far; what is submitted afterwards finds the sum. */
  async reduce(index: number): Promise<void> {
    const desk = defined(this.desks[index], 'bucket');
    const tag = TAGS.buckets + index;
    for (const { partner, keep, give, command } of desk.levels) {
      const theirs = await desk.write.open(bytes(keep));
      // It may arrive while the device still copies.
      const received = started(this.ranks.receive(partner, tag, theirs));
      await this.download(desk, give, (own) => this.ranks.send(partner, tag, own));
      await received;
      const encoder = this.device.gpu.createCommandEncoder();
      desk.write.copy(encoder, 0, { buffer: desk.incoming, offset: 0 }, bytes(keep));
      if (command !== undefined) this.program.encode(encoder, command, command + 1);
      desk.write.submit(encoder);
    }
    await this.gather(desk, tag);
  }

  /** What is received last, half of the bucket, is never sent on, so it goes straight to the device's window. */
  private async gather(desk: Desk, tag: number): Promise<void> {
    const { bucket, levels, read, write, held } = desk;
    const [last, ...others] = levels as [Level, ...Level[]];
    const part = (slice: Slice) =>
      held.subarray(startOf(slice, last.keep), startOf(slice, last.keep) + bytes(slice));
    const opened = started(write.open(bytes(bucket)));
    const finish = async (own: Uint8Array) => {
      const window = await opened;
      const at = (slice: Slice) => startOf(slice, bucket);
      const rest = window.subarray(at(last.give), at(last.give) + bytes(last.give));
      await this.ranks.exchange(last.partner, tag, own, rest);
      for (const { give } of others) window.set(part(give), at(give));
      const encoder = this.device.gpu.createCommandEncoder();
      for (const { give } of levels) {
        const to = { buffer: this.gradients.chunk(give), offset: bytesBefore(give) };
        write.copy(encoder, at(give), to, bytes(give));
      }
      write.submit(encoder);
    };
    const own = defined(levels.at(-1), 'level').keep;
    if (others.length === 0) return this.download({ read }, own, finish);
    await this.download({ read }, own, async (reduced) => {
      part(own).set(reduced);
    });
    for (const { partner, keep, give } of others.reverse())
      await this.ranks.exchange(partner, tag, part(keep), part(give));
    await finish(held);
  }

  private async download(
    { read }: Pick<Desk, 'read'>,
    slice: Slice,
    use: (data: Uint8Array) => Promise<void>,
  ): Promise<void> {
    await read.of({ buffer: this.gradients.chunk(slice), offset: bytesBefore(slice) }, bytes(slice), use);
  }

  /** Bytes of device memory. */
  get bytes(): number {
    return this.desks.reduce((sum, { incoming }) => sum + incoming.size, 0);
  }
}

function bytesBefore({ offset }: Slice): number {
  return offset * 4;
}

/** Bytes before a slice within another. */
function startOf(slice: Slice, within: Slice): number {
  return (slice.offset - within.offset) * 4;
}

/** The levels of a bucket's reduction for this rank, nearest partner first. */
function levelsOf(bucket: Slice, { rank, size }: Ranks): Omit<Level, 'command'>[] {
  const levels: Omit<Level, 'command'>[] = [];
  let held = bucket;
  for (let distance = 1; distance < size; distance *= 2) {
    const [first, second] = halvesOf(held);
    const isUpper = (rank & distance) !== 0;
    const [keep, give] = isUpper ? [second, first] : [first, second];
    levels.push({ partner: rank ^ distance, keep, give });
    held = keep;
  }
  return levels;
}
