import { readdirSync, readFileSync } from 'node:fs';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import type { OpRow } from './op-shapes.ts';
import { percentile, spread } from './times.ts';
import { OpRun } from '../execution/run.ts';
import { type LowerContext, type Variant, contextOf, variantLabel } from '../ops/kernels.ts';
import { type TensorSpec, elems } from '../ops/tensor.ts';
import { kernelsOf } from '../execution/kernels.ts';

/** One line of `largekernel bench ops`. */
export interface OpTiming {
  readonly label: string;
  readonly pass: OpRow['pass'];
  readonly op: string;
  readonly variant: string;
  readonly adapter: string;
  /** Milliseconds of one run: median, least, and the middle half of the turns over the median. */
  readonly ms: number;
  readonly minMs: number;
  readonly spread: number;
  /** Processor time of the adapter's threads for one run: on a software adapter, the work itself, whatever else runs beside it. */
  readonly workerMs: number;
  /** Counts all multiply-adds, as papers do, and those that touch data; two operations each. */
  readonly gflopsNominal: number;
  readonly gflopsLive: number;
  /** Every operand counted once. */
  readonly gbps: number;
  /** From shader text to the end of the first run. */
  readonly firstMs: number;
  /** Turns, and runs of each. */
  readonly turns: number;
  readonly runs: number;
}

/** A turn lasts at least this long, so that starting and waiting do not count. */
const TURN_MS = 20;

/** Milliseconds of processor time that threads other than this one have used: where software adapters compute. */
function workerMs(): number {
  try {
    return readdirSync('/proc/self/task')
      .filter((id) => id !== String(process.pid))
      .map((id) => Number(readFileSync(`/proc/self/task/${id}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
      .reduce((a, b) => a + b, 0);
  } catch {
    return NaN; // not Linux, or a thread ended in between
  }
}

/**
 * Times ops, one after another: the variant that the kernels choose without tuning, or with `all` every one.
 * @param turns of each; a turn is one run or as many as fill 20 ms, and ends when the queue is drained
 */
export async function* benchOps(
  rows: readonly OpRow[],
  { adapter, turns, all }: { adapter: string; turns: number; all: boolean },
): AsyncGenerator<OpTiming> {
  const device = await openDevice(adapter);
  try {
    const pipelines = new PipelineCache(device);
    for (const row of rows) {
      const outputs = row.op.infer(row.inputs, row.attrs);
      const context = contextOf({ ...row, outputs }, device.profile);
      const variants = kernelsOf(row.op).variants(context);
      for (const variant of all ? variants : variants.slice(0, 1))
        yield await timeOp(device, pipelines, row, context, variant, turns);
    }
  } finally {
    device.close();
  }
}

async function timeOp(
  device: Device,
  pipelines: PipelineCache,
  { label, pass, op, inputs, attrs, data }: OpRow,
  context: LowerContext<unknown>,
  variant: Variant,
  turns: number,
): Promise<OpTiming> {
  const start = performance.now();
  const run = await OpRun.make(device, pipelines, kernelsOf(op), context, variant);
  const wave = (spec: TensorSpec) =>
    Float32Array.from({ length: elems(spec.shape) }, (_, e) => ((e * 37) % 64) / 64);
  for (const [name, spec] of Object.entries(inputs)) if (spec) run.write(name, data?.[name] ?? wave(spec));
  const turn = async (runs: number): Promise<number> => {
    const before = performance.now();
    for (let r = 0; r < runs; r++) run.submit();
    await device.settle();
    return performance.now() - before;
  };
  await turn(1);
  const firstMs = performance.now() - start;
  let runs = 1;
  while (runs < 1024 && (await turn(runs)) < TURN_MS) runs *= 2;
  const times: number[] = [];
  const workers: number[] = [];
  for (let t = 0; t < turns; t++) {
    const before = workerMs();
    times.push((await turn(runs)) / runs);
    workers.push((workerMs() - before) / runs);
  }
  run.destroy();
  const { macs, liveMacs, bytes } = op.cost(inputs, context.outputs, attrs);
  const ms = percentile(times, 0.5);
  const round = (value: number) => Number(value.toPrecision(4));
  return {
    label,
    pass,
    op: op.name,
    variant: variantLabel(variant),
    adapter: device.name,
    ms: round(ms),
    minMs: round(percentile(times, 0)),
    spread: round(spread(times)),
    workerMs: round(percentile(workers, 0.5)),
    gflopsNominal: round((2 * macs) / ms / 1e6),
    gflopsLive: round((2 * liveMacs) / ms / 1e6),
    gbps: round(bytes / ms / 1e6),
    firstMs: round(firstMs),
    turns,
    runs,
  };
}
