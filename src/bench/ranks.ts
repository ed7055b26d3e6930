import type { Device } from '../device/device.ts';
import { FlatStore, layoutFlat } from '../execution/store.ts';
import type { Mpi } from '../mpi/mpi.ts';
import { TAGS, bytesOf, type Ranks } from '../mpi/ranks.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { bucketsOf } from '../training/step/buckets.ts';
import { RankSums } from '../training/step/rank-sums.ts';
import { ReadWindow, WriteWindow } from '../training/step/windows.ts';
import { TrainingSession } from '../training/step/session.ts';
import { targetOf } from '../training/planning/fit.ts';
import { tunedPlan } from '../training/planning/tuned-plan.ts';
import { trainedModel } from '../training/weights/recipe-model.ts';
import { defined } from '../util/errors.ts';
import { syntheticBatch, type SyntheticBatch } from './synthetic.ts';
import { percentile } from './times.ts';

/** One line of `largekernel bench ranks`: medians of rank 0, whose turns alternate between the lines of a kind. */
export interface RanksTiming {
  readonly what: string;
  readonly ranks: number;
  /** Of gradients. */
  readonly mib: number;
  readonly buckets: number;
  readonly ms: number;
  readonly slowestMs: number;
  /**
   * Of a step: for how long the device waited with nothing left to compute, on the rank where it waited least. The others waited for that one to
   * compute as well.
   */
  readonly exposedMs?: number;
  /** The rate over that of MPI_Allreduce in host memory. */
  readonly ofAllReduce?: number;
  /** What a rank sends, which is as much as it receives; of a reduction, with its copies and sums, what `plan --link` is given. */
  readonly gbPerSecond?: number;
}

/** Elements of a bucket that holds everything. */
const ONE = 2 ** 40;

const median = (values: readonly number[]) => percentile(values, 0.5);

/** Times of several things, a turn of each in turn, and the least number that they return on any rank. All ranks begin a turn together. */
async function inTurns(
  ranks: Ranks,
  turns: number,
  works: readonly (() => Promise<unknown>)[],
): Promise<{ ms: number; slowestMs: number; result: number }[]> {
  const times = works.map((): { ms: number; result: number }[] => []);
  for (let turn = 0; turn <= turns; turn++)
    for (const [i, work] of works.entries()) {
      await ranks.any(false);
      const before = performance.now();
      const result = Number((await work()) ?? 0);
      const ms = performance.now() - before;
      if (turn > 0) times[i]?.push({ ms, result }); // the first compiles and allocates
    }
  const results = await ranks.gatherAll(times.map((list) => list.map(({ result }) => result)));
  return times.map((list, i) => ({
    ms: median(list.map(({ ms }) => ms)),
    slowestMs: Math.max(...list.map(({ ms }) => ms)),
    result: median(list.map((_, turn) => Math.min(...results.map((own) => own[i]?.[turn] ?? NaN)))),
  }));
}

interface Row {
  readonly what: string;
  readonly buckets: number;
  /** Bytes that a rank sends. */
  readonly sent?: number;
  readonly work: () => Promise<unknown>;
}

/**
 * Sums of gradients over ranks, on the device and back, beside the library's sum of as many numbers in host memory, the same with the copies
 * between device and host, and an exchange between neighbours in host memory.
 */
export async function benchReduction(
  device: Device,
  ranks: Ranks,
  mpi: Mpi,
  elems: number,
  turns: number,
): Promise<RanksTiming[]> {
  const bytes = 4 * elems;
  const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const parts = Math.ceil(bytes / most);
  const layout = layoutFlat([{ name: 'gradients', shape: [elems], group: 'all', parts }], most);
  const gradients = new FlatStore(device, 'gradients', layout);
  const buckets = bucketsOf(layout);
  const sums = await RankSums.create(device, new PipelineCache(device), gradients, buckets, ranks);
  const [from, to] = [new Float32Array(elems), new Float32Array(elems)];
  const copied = gradients.buffers.map((buffer) => copiedAllReduce(device, mpi, buffer));
  const library: Row = { what: 'MPI_Allreduce', buckets: 1, work: async () => mpi.allReduce(from, to) };
  const rows: Row[] = [
    {
      ...{ what: 'reduction', buckets: buckets.length, sent: 2 * bytes * (1 - 1 / ranks.size) },
      work: async () => {
        await Promise.all(buckets.map((_, i) => sums.reduce(i)));
        await device.settle();
      },
    },
    library,
    {
      ...{ what: 'copy, MPI_Allreduce, copy', buckets: 1 },
      work: async () => {
        for (const sum of copied) await sum();
        await device.settle();
      },
    },
    {
      ...{ what: 'exchange', buckets: 1, sent: bytes },
      work: () => ranks.exchange(ranks.rank ^ 1, TAGS.buckets, bytesOf(from), bytesOf(to)),
    },
  ];
  return timed(ranks, turns, rows, library, bytes);
}

async function timed(
  ranks: Ranks,
  turns: number,
  rows: readonly Row[],
  library: Row,
  bytes: number,
): Promise<RanksTiming[]> {
  const times = await inTurns(
    ranks,
    turns,
    rows.map(({ work }) => work),
  );
  const allReduce = defined(times[rows.indexOf(library)], 'turns').ms;
  return rows.map(({ what, buckets, sent }, i) => {
    const { ms, slowestMs } = defined(times[i], 'turns');
    return {
      ...{ what, ranks: ranks.size, mib: bytes / 2 ** 20, buckets, ms, slowestMs },
      ofAllReduce: allReduce / ms,
      ...(sent !== undefined && { gbPerSecond: sent / (1e6 * ms) }),
    };
  });
}

/** The library's sum of what lies on a device: copied to host memory, summed there, and copied back. */
function copiedAllReduce(device: Device, mpi: Mpi, buffer: GPUBuffer): () => Promise<void> {
  const { size } = buffer;
  const read = new ReadWindow(device, 'to be summed', size);
  const write = new WriteWindow(device, 'summed', size);
  const floats = (data: Uint8Array) => new Float32Array(data.buffer, data.byteOffset, data.length / 4);
  return async () => {
    const sum = await write.open(size);
    await read.of({ buffer, offset: 0 }, size, async (own) => {
      mpi.allReduce(floats(own), floats(sum));
    });
    const encoder = device.gpu.createCommandEncoder();
    write.copy(encoder, 0, { buffer, offset: 0 }, size);
    write.submit(encoder);
  };
}

/** Steps of a recipe whose gradient travels as a whole, and in buckets. */
export async function benchSharedSteps(
  device: Device,
  ranks: Ranks,
  { recipe }: LoadedRecipe,
  options: { readonly classes: number; readonly turns: number; readonly bucketElems?: number },
): Promise<RanksTiming[]> {
  const model = trainedModel(recipe, options.classes);
  const note = (line: string) => process.stderr.write(`${line}\n`);
  const request = { recipe, model, target: targetOf(device, undefined), device, micro: undefined };
  const plan = await tunedPlan(request, 'off', note);
  const pipelines = new PipelineCache(device);
  const sizes = [ONE, options.bucketElems];
  const sessions: TrainingSession[] = [];
  for (const size of sizes) {
    const session = await TrainingSession.create(device, pipelines, plan, undefined, ranks, size);
    await session.initialise(recipe.seed);
    sessions.push(session);
  }
  const [elems = 0] = sessions.map(({ imageElems }) => imageElems);
  const images = syntheticBatch(plan.micro, elems, options.classes);
  let number = 0;
  const timings = await inTurns(
    ranks,
    options.turns,
    sessions.map((session) => () => sharedStep(session, ++number, plan.micro, images)),
  );
  const gradients = plan.layout.chunks.reduce((sum, count) => sum + count, 0);
  return timings.map(({ ms, slowestMs, result }, i) => ({
    what: `step of ${model.name}`,
    ranks: ranks.size,
    mib: (4 * gradients) / 2 ** 20,
    buckets: bucketsOf(plan.layout, sizes[i]).length,
    ms,
    slowestMs,
    exposedMs: result,
  }));
}

/** @returns the milliseconds that its device waited */
async function sharedStep(
  session: TrainingSession,
  step: number,
  micro: number,
  { x, targets }: SyntheticBatch,
): Promise<number> {
  await session.ready();
  for (let at = 1; at < session.microBatches; at++) await session.submit(x, targets, at * micro, undefined);
  const result = await session.submit(x, targets, 0, { step, lr: 1e-6, weightDecay: 0 });
  return result?.exposedMs ?? NaN;
}
