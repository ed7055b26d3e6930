import type { Device } from '../../device/device.ts';
import { planNodes, type Plan } from '../../execution/plan.ts';
import { Program, type Location } from '../../execution/program.ts';
import { paddedElems, type FlatLayout, type FlatStore, type Slice } from '../../execution/store.ts';
import { Graph, isOf, type Node, type Tensor } from '../../graph/graph.ts';
import { TAGS, type Ranks } from '../../mpi/ranks.ts';
import { batchNorm } from '../../ops/batch-norm/op.ts';
import { ema, packScalars } from '../../ops/optimizer/op.ts';
import { f32 } from '../../ops/tensor.ts';
import type { DeviceProfile } from '../../device/profile.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { ReadWindow, WriteWindow } from './windows.ts';

/** The store of one micro-batch's statistics, laid out as the state. */
const STATISTICS = 'statistics';

/** A running statistic, and the share of a micro-batch in its updates. */
interface Moved {
  readonly member: string;
  readonly momentum: number;
}

/** A stretch of the state whose members all move by the same share. */
interface Stretch extends Slice {
  readonly momentum: number;
}

/**
 * BatchNorm's running statistics depend on the order of micro-batches, and between ranks each knows only its own. So each micro-batch
 * leaves its statistics in a store, they are gathered, and all ranks move the running ones by all of them in order.
 */
export interface StatisticsPlan {
  readonly stretches: readonly Stretch[];
  readonly plan: Plan;
}

/**
 * Makes the nodes of a step leave the batch's statistics in the store `statistics` and the running ones as they are: by momentum 1,
 * which from zero gives the batch's own.
 * @returns undefined in place of a plan where nothing has running statistics
 */
export function keepStatistics(
  nodes: readonly Node[],
  layout: FlatLayout,
  profile: DeviceProfile,
): { readonly nodes: readonly Node[]; readonly statistics: StatisticsPlan | undefined } {
  const moved: Moved[] = [];
  const changed = nodes.map((node): Node => {
    const mutated = (node.op.mutates ?? []).filter((name) => node.inputs[name]?.stored?.store === 'state');
    if (mutated.length === 0) return node;
    if (!isOf(node, batchNorm))
      throw new FrameworkError('internal/state', `internal: ${node.op.name} changes state in an unknown way`);
    const { attrs } = node;
    if (!attrs.training || attrs.updateStatistics === false) return node;
    const inputs: Record<string, Tensor> = { ...node.inputs };
    for (const name of mutated) {
      const tensor = defined(inputs[name], name);
      const member = String(defined(tensor.stored, name).member);
      moved.push({ member, momentum: attrs.momentum });
      inputs[name] = { ...tensor, stored: { store: STATISTICS, member } };
    }
    return { ...node, inputs, attrs: { ...attrs, momentum: 1 } };
  });
  if (moved.length === 0) return { nodes, statistics: undefined };
  return { nodes: changed, statistics: planReplay(stretchesOf(moved, layout), profile) };
}

/** Neighbours in one: the gaps between them hold zeros, and stay so. */
function stretchesOf(moved: readonly Moved[], { slices }: FlatLayout): Stretch[] {
  const all = moved
    .map(({ member, momentum }) => ({ ...defined(slices.get(member), member), momentum }))
    .map((slice): Stretch => ({ ...slice, elems: paddedElems(slice.elems) }))
    .sort((a, b) => a.chunk - b.chunk || a.offset - b.offset);
  const result: Stretch[] = [];
  for (const next of all) {
    const last = result.at(-1);
    const isNeighbour =
      last?.chunk === next.chunk &&
      last.momentum === next.momentum &&
      last.offset + last.elems === next.offset;
    if (last !== undefined && isNeighbour)
      result[result.length - 1] = { ...last, elems: last.elems + next.elems };
    else result.push(next);
  }
  return result;
}

/** running ← (1 − momentum) · running + momentum · batch. */
function planReplay(stretches: readonly Stretch[], profile: DeviceProfile): StatisticsPlan {
  const graph = new Graph();
  const scalars = new Map(
    stretches.map(({ momentum }) => [
      momentum,
      graph.inputs.get(scalarsOf(momentum)) ?? graph.input(scalarsOf(momentum), packed(momentum).spec),
    ]),
  );
  stretches.forEach(({ elems, momentum }, i) => {
    const own = (store: string) => graph.stored('state', f32(elems), { store, member: i });
    const operands = { ema: own('state'), parameter: own(STATISTICS) };
    graph.apply(ema, { ...operands, scalars: defined(scalars.get(momentum), 'scalars') }, {});
  });
  return { stretches, plan: planNodes(graph.nodes, { profile, kept: [] }) };
}

function scalarsOf(momentum: number): string {
  return `scalars ${momentum}`;
}

function packed(momentum: number) {
  const data = packScalars({ lr: 0, step: 1, weightDecay: 0, emaDecay: 1 - momentum });
  return { data, spec: f32(data.length) };
}

/** The statistics of a step's micro-batches on the device. */
export class BatchStatistics {
  private readonly device: Device;
  private readonly store: FlatStore;
  private readonly program: Program;
  /** (micro-batches of the whole step, state) */
  private readonly records: GPUBuffer;
  private readonly microBatches: number;
  private readonly windows: { readonly read: ReadWindow; readonly write: WriteWindow } | undefined;

  private constructor(
    device: Device,
    store: FlatStore,
    program: Program,
    records: GPUBuffer,
    microBatches: number,
    isShared: boolean,
  ) {
    this.device = device;
    this.store = store;
    this.program = program;
    this.records = records;
    this.microBatches = microBatches;
    if (isShared)
      this.windows = {
        read: new ReadWindow(device, 'statistics to send', records.size),
        write: new WriteWindow(device, 'received statistics', records.size),
      };
  }

  /**
   * @param stores of the running statistics and of one micro-batch's @param microBatches of a whole step
   * @param isShared whether other ranks make some of them
   */
  static async create(
    device: Device,
    pipelines: PipelineCache,
    { plan, stretches }: StatisticsPlan,
    stores: { readonly state: FlatStore; readonly statistics: FlatStore },
    microBatches: number,
    isShared: boolean,
  ): Promise<BatchStatistics> {
    const locate = ({ stored }: Tensor): Location | undefined => {
      const slice = stretches[Number(stored?.member)];
      const store = stored?.store === 'state' ? stores.state : stores.statistics;
      return stored && slice && { buffer: store.chunk(slice), offset: slice.offset * 4 };
    };
    const program = await Program.build(device, pipelines, plan, locate, 'running statistics');
    for (const { momentum } of stretches) program.write(scalarsOf(momentum), packed(momentum).data);
    const records = await device.guard('allocating statistics', () =>
      device.buffer('statistics of micro-batches', microBatches * stores.statistics.bytes),
    );
    return new BatchStatistics(device, stores.statistics, program, records, microBatches, isShared);
  }

  /** Puts the statistics of the micro-batch that was just computed aside. @param index of the micro-batch in the whole step */
  keep(encoder: GPUCommandEncoder, index: number): void {
    let at = index * this.store.bytes;
    for (const buffer of this.store.buffers) {
      encoder.copyBufferToBuffer(buffer, 0, this.records, at, buffer.size);
      encoder.clearBuffer(buffer);
      at += buffer.size;
    }
  }

  /** Fills in what the other ranks have computed, after the work submitted so far. */
  async share(ranks: Ranks): Promise<void> {
    const { read, write } = defined(this.windows, 'windows');
    const total = this.microBatches * this.store.bytes;
    const part = total / ranks.size;
    const all = await write.open(total);
    const own = { buffer: this.records, offset: ranks.rank * part };
    await read.of(own, part, async (data) => {
      all.set(data, own.offset);
    });
    await ranks.allGather(TAGS.statistics, all);
    const encoder = this.device.gpu.createCommandEncoder();
    write.copy(encoder, 0, { buffer: this.records, offset: 0 }, total);
    write.submit(encoder);
  }

  /** Moves the running statistics by all micro-batches of the step, in order. */
  replay(encoder: GPUCommandEncoder): void {
    for (let i = 0; i < this.microBatches; i++) {
      let at = i * this.store.bytes;
      for (const buffer of this.store.buffers) {
        encoder.copyBufferToBuffer(this.records, at, buffer, 0, buffer.size);
        at += buffer.size;
      }
      this.program.encode(encoder);
    }
    for (const buffer of this.store.buffers) encoder.clearBuffer(buffer);
  }

  /** Bytes of device memory, without the stores. */
  get bytes(): number {
    return this.records.size + this.program.ownBytes;
  }
}
