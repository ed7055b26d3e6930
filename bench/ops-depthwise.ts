import { fileURLToPath } from 'node:url';
import { openDevice, type Device } from '../src/device/device.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../src/kernels/depthwise.ts';
import {
  f32,
  variantLabel,
  type AnyOp,
  type LowerContext,
  type TensorSpec,
  type Variant,
} from '../src/kernels/op.ts';
import { OpRun } from '../src/kernels/run.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';

/**
 * Depthwise convolution at the four stages of ConvNeXt-T, one image: y, dx and dweight apart, one JSON line for each variant.
 *
 *     npx tsx bench/ops-depthwise.ts [adapter] [stages 56,28,14,7] [kernels 7,13,31,51] [all]
 *
 * Without `all`, only the variant that the kernels choose without tuning. Every time is of one submission, waited for.
 */

export interface DepthwiseRow {
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
  readonly pass: 'forward' | 'grad-input' | 'grad-weight';
  readonly op: AnyOp;
  readonly inputs: readonly TensorSpec[];
  readonly attrs: unknown;
}

const STAGES: readonly (readonly [size: number, channels: number])[] = [
  [56, 96],
  [28, 192],
  [14, 384],
  [7, 768],
];

/** The three passes at one stage and kernel size. */
function passes(size: number, channels: number, kernel: number): DepthwiseRow[] {
  const map = f32(1, channels, size, size);
  const weight = f32(channels, 1, kernel, kernel);
  const gradWeight = { kh: kernel, kw: kernel, bias: true };
  const row = { size, channels, kernel };
  return [
    { ...row, pass: 'forward', op: depthwise, inputs: [map, weight, f32(channels)], attrs: {} },
    { ...row, pass: 'grad-input', op: depthwiseGradInput, inputs: [map, weight], attrs: {} },
    {
      ...row,
      pass: 'grad-weight',
      op: depthwiseGradWeight,
      inputs: [map, map],
      attrs: gradWeight,
    },
  ];
}

export const ROWS: readonly DepthwiseRow[] = STAGES.flatMap(([size, channels]) =>
  [7, 13, 31, 51].flatMap((kernel) => passes(size, channels, kernel)),
);

export interface Timing {
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Processor time of the process, in milliseconds a run: on a CPU adapter, the work itself, whatever else runs beside it. */
  readonly cpuMs: number;
  /** From shader text to the end of the first run. */
  readonly firstMs: number;
  readonly repeats: number;
}

/** Times one variant: a warm-up run, then runs for `budgetMs`, at least 3 and at most 50. */
export async function time(
  device: Device,
  row: DepthwiseRow,
  context: LowerContext<unknown>,
  variant: Variant,
  budgetMs = 500,
): Promise<Timing> {
  const start = performance.now();
  const run = await OpRun.make(device, new PipelineCache(device), row.op, context, variant);
  row.inputs.forEach((spec, i) => {
    const elements = spec.shape.reduce((a, b) => a * b, 1);
    run.write(
      i,
      Float32Array.from({ length: elements }, (_, e) => Math.sin(e * 0.7 + i)),
    );
  });
  run.submit();
  await device.settle();
  const firstMs = performance.now() - start;
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const from = performance.now();
  while (times.length < 3 || (times.length < 50 && performance.now() - from < budgetMs)) {
    const before = performance.now();
    run.submit();
    await device.settle();
    times.push(performance.now() - before);
  }
  const used = process.cpuUsage(cpu);
  run.destroy();
  times.sort((a, b) => a - b);
  const [minMs, medianMs, maxMs] = [0, times.length >> 1, times.length - 1].map((i) => times[i] ?? NaN) as [
    number,
    number,
    number,
  ];
  return {
    minMs,
    medianMs,
    maxMs,
    cpuMs: (used.user + used.system) / 1000 / times.length,
    firstMs,
    repeats: times.length,
  };
}

async function main([
  adapter = 'auto',
  sizes = '',
  kernels = '',
  all = '',
]: readonly string[]): Promise<void> {
  const device = await openDevice(adapter);
  const wanted = (list: string, value: number) => list === '' || list.split(',').includes(String(value));
  for (const row of ROWS) {
    if (!wanted(sizes, row.size) || !wanted(kernels, row.kernel)) continue;
    const { op, inputs, attrs, size, channels, kernel, pass } = row;
    const outputs = op.infer(inputs, attrs);
    const context: LowerContext<unknown> = {
      inputs,
      outputs,
      attrs,
      accumulate: outputs.map(() => false),
      limits: device.limits,
      features: device.features,
    };
    const { macs, liveMacs } = op.cost(inputs, outputs, attrs);
    const variants = op.variants(context);
    for (const variant of all === 'all' ? variants : variants.slice(0, 1)) {
      const timing = await time(device, row, context, variant);
      const rate = (count: number) => Number(((2 * count) / timing.medianMs / 1e6).toFixed(2));
      const rounded = Object.fromEntries(
        Object.entries(timing).map(([key, value]) => [key, Number((value as number).toFixed(3))]),
      );
      const shape = { size, channels, kernel, pass };
      const rates = { gflopsNominal: rate(macs), gflopsLive: rate(liveMacs) };
      const line = { ...shape, variant: variantLabel(variant), adapter: device.name, ...rounded, ...rates };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  }
  device.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
