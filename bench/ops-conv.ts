import { openDevice, type Device } from '../src/device/device.ts';
import { batchNorm, batchNormGradient } from '../src/kernels/batch-norm.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight, type ConvAttrs } from '../src/kernels/conv2d.ts';
import { softCrossEntropy } from '../src/kernels/cross-entropy.ts';
import { f32, variantLabel, type AnyOp, type LowerContext, type TensorSpec } from '../src/kernels/op.ts';
import { adamwEma, packScalars, SCALARS_SPEC } from '../src/kernels/optimizer.ts';
import { maxPool } from '../src/kernels/pool.ts';
import { sumSquares } from '../src/kernels/reduce.ts';
import { OpRun } from '../src/kernels/run.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';

/**
 * Rates of the dense convolution, BatchNorm, pooling, loss and optimiser kernels, every variant, one JSON line each.
 *
 *     npx tsx bench/ops-conv.ts [adapter=auto] [filter=text of a label] [repeats=5]
 */

interface Row {
  readonly label: string;
  readonly op: AnyOp;
  readonly inputs: readonly TensorSpec[];
  readonly attrs: unknown;
  /** Host data of some inputs; a fixed wave elsewhere. */
  readonly data?: Readonly<Record<number, Float32Array>>;
}

/** The three passes of one convolution. */
function convRows(
  label: string,
  x: readonly [number, number, number, number],
  co: number,
  kernel: number,
  stride: number,
  padding: number,
): Row[] {
  const attrs: ConvAttrs = { stride: [stride, stride], padding: [padding, padding], groups: 1 };
  const [n, ci, h, w] = x;
  const out = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const [input, weight, dy] = [f32(...x), f32(co, ci, kernel, kernel), f32(n, co, out(h), out(w))];
  const make = (pass: string, op: unknown, inputs: TensorSpec[], more: object): Row => ({
    label: `${label} ${pass}`,
    op: op as AnyOp,
    inputs,
    attrs: { ...attrs, ...more },
  });
  return [
    make('forward', conv2d, [input, weight, f32(co)], {}),
    make('grad-input', conv2dGradInput, [dy, weight], { h, w }),
    make('grad-weight', conv2dGradWeight, [input, dy], { kh: kernel, kw: kernel, bias: true }),
  ];
}

function normRows(label: string, x: readonly [number, number, number, number]): Row[] {
  const channel = f32(x[1]);
  const vectors = [channel, channel, channel, channel];
  return [
    {
      label: `${label} forward`,
      op: batchNorm,
      inputs: [f32(...x), ...vectors],
      attrs: { eps: 1e-5, momentum: 0.1, training: true, relu: true },
    },
    {
      label: `${label} gradient`,
      op: batchNormGradient,
      inputs: [f32(...x), ...vectors, f32(...x)],
      attrs: { training: true, relu: true, parameters: true },
    },
  ];
}

const PARAMETERS = f32(2 ** 23);

const ROWS: readonly Row[] = [
  ...convRows('convnext-t stem 4x4/4 3-96', [4, 3, 224, 224], 96, 4, 4, 0),
  ...convRows('convnext-t down 2x2/2 96-192', [4, 96, 56, 56], 192, 2, 2, 0),
  ...convRows('convnext-t down 2x2/2 384-768', [4, 384, 14, 14], 768, 2, 2, 0),
  ...convRows('resnet50 stem 7x7/2 3-64', [2, 3, 224, 224], 64, 7, 2, 3),
  ...convRows('resnet50 3x3 64-64', [2, 64, 56, 56], 64, 3, 1, 1),
  ...convRows('resnet50 3x3/2 128-128', [2, 128, 56, 56], 128, 3, 2, 1),
  ...convRows('resnet50 3x3 512-512', [4, 512, 7, 7], 512, 3, 1, 1),
  ...convRows('resnet50 1x1 256-64', [2, 256, 56, 56], 64, 1, 1, 0),
  ...convRows('resnet50 1x1/2 256-512', [2, 256, 56, 56], 512, 1, 2, 0),
  ...convRows('resnet20 3x3 16-16', [64, 16, 32, 32], 16, 3, 1, 1),
  ...convRows('resnet20 3x3/2 16-32', [64, 16, 32, 32], 32, 3, 2, 1),
  ...convRows('resnet20 3x3 64-64', [64, 64, 8, 8], 64, 3, 1, 1),
  ...normRows('batch-norm resnet50 56', [8, 64, 56, 56]),
  ...normRows('batch-norm resnet50 7', [8, 2048, 7, 7]),
  {
    label: 'max-pool resnet50',
    op: maxPool,
    inputs: [f32(4, 64, 112, 112)],
    attrs: { kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
  },
  {
    label: 'cross-entropy 1000',
    op: softCrossEntropy,
    inputs: [f32(128, 1000), f32(128, 1000)],
    attrs: {},
  },
  {
    label: 'adamw+ema 8 M',
    op: adamwEma,
    inputs: [PARAMETERS, PARAMETERS, PARAMETERS, PARAMETERS, SCALARS_SPEC, PARAMETERS],
    attrs: {},
    data: { 4: packScalars({ lr: 1e-3, step: 10, weightDecay: 0.05, emaDecay: 0.999 }) },
  },
  { label: 'sum-squares 8 M', op: sumSquares, inputs: [PARAMETERS], attrs: {} },
];

async function measure(device: Device, pipelines: PipelineCache, row: Row, repeats: number): Promise<void> {
  const { op, inputs, attrs } = row;
  const outputs = op.infer(inputs, attrs);
  const context: LowerContext<unknown> = {
    inputs,
    outputs,
    attrs,
    accumulate: outputs.map(() => false),
    limits: device.limits,
    features: device.features,
  };
  const cost = op.cost(inputs, outputs, attrs);
  for (const variant of op.variants(context)) {
    const run = await OpRun.make(device, pipelines, op, context, variant);
    inputs.forEach((spec, i) => {
      const elements = spec.shape.reduce((a, b) => a * b, 1);
      run.write(i, row.data?.[i] ?? Float32Array.from({ length: elements }, (_, e) => ((e * 37) % 64) / 64));
    });
    run.submit();
    await device.settle();
    const times: number[] = [];
    for (let r = 0; r < repeats; r++) {
      const start = performance.now();
      run.submit();
      await device.settle();
      times.push(performance.now() - start);
    }
    run.destroy();
    const ms = Math.min(...times);
    const median = times.sort((a, b) => a - b)[times.length >> 1] ?? NaN;
    const line = {
      label: row.label,
      variant: variantLabel(variant),
      adapter: device.name,
      ms: Number(ms.toFixed(3)),
      medianMs: Number(median.toFixed(3)),
      ...(cost.macs > 0 ? { gflops: Number(((2 * cost.macs) / ms / 1e6).toFixed(2)) } : {}),
      gbps: Number((cost.bytes / ms / 1e6).toFixed(2)),
      repeats,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

const options = Object.fromEntries(
  process.argv.slice(2).map((argument) => argument.split('=', 2) as [string, string]),
);
const device = await openDevice(options['adapter'] ?? 'auto');
const pipelines = new PipelineCache(device);
for (const row of ROWS) {
  if (row.label.includes(options['filter'] ?? ''))
    await measure(device, pipelines, row, Number(options['repeats'] ?? 5));
}
device.close();
