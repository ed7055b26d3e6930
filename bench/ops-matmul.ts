import { openDevice } from '../src/device/device.ts';
import { columnSum } from '../src/kernels/column-sum.ts';
import { layerNorm, layerNormGradient, type LayerNormAttrs } from '../src/kernels/layer-norm.ts';
import { matmul, type MatmulAttrs } from '../src/kernels/matmul.ts';
import { f32, type TensorSpec } from '../src/kernels/op.ts';
import { scaleResidual, scaleResidualGradient, toRows } from '../src/kernels/scale-residual.ts';
import { PipelineCache } from '../src/shader/pipelines.ts';
import { measure, type BenchRow } from './measure.ts';

/**
 * Rates of the products, norms and layout changes of ConvNeXt-T at 224 px, one JSON line each. `ms` is the median.
 *
 *     npx tsx bench/ops-matmul.ts [adapter] [text of a label] [repeats] [all: every variant, not only the first]
 */

/** A linear layer: forward, gradient of its input, of its weight, of its bias. */
function linear(rows: number, from: number, to: number): BenchRow[] {
  const [x, weight, y] = [f32(rows, from), f32(to, from), f32(rows, to)];
  const label = `linear ${rows}x${from}-${to}`;
  const row = (pass: string, inputs: TensorSpec[], attrs: MatmulAttrs): BenchRow => ({
    label: `${label} ${pass}`,
    op: matmul,
    inputs,
    attrs,
  });
  return [
    row('forward', [x, weight, f32(to)], { transposeA: false, transposeB: true, bias: 'cols' }),
    row('dx', [y, weight], { transposeA: false, transposeB: false, bias: 'none' }),
    row('dweight', [y, x], { transposeA: true, transposeB: false, bias: 'none' }),
    { label: `${label} dbias`, op: columnSum, inputs: [y], attrs: {} },
  ];
}

function norm(label: string, x: TensorSpec, cols: number, attrs: LayerNormAttrs): BenchRow[] {
  const [y, mean, rstd] = layerNorm.infer([x, f32(cols), f32(cols)], attrs) as [
    TensorSpec,
    TensorSpec,
    TensorSpec,
  ];
  const vector = f32(cols);
  return [
    { label: `${label} forward`, op: layerNorm, inputs: [x, vector, vector], attrs },
    {
      label: `${label} gradient`,
      op: layerNormGradient,
      inputs: [x, vector, mean, rstd, y],
      attrs,
    },
  ];
}

function residual(n: number, c: number, size: number): BenchRow[] {
  const [maps, rows] = [f32(n, c, size, size), f32(n * size * size, c)];
  const attrs = { from: 'rows', gamma: true, mask: true } as const;
  const label = `${n}x${c}x${size}x${size}`;
  const vectors = [f32(c), f32(n)];
  return [
    {
      label: `scale-residual ${label} forward`,
      op: scaleResidual,
      inputs: [maps, rows, ...vectors],
      attrs,
    },
    {
      label: `scale-residual ${label} gradient`,
      op: scaleResidualGradient,
      inputs: [rows, maps, ...vectors],
      attrs,
    },
    { label: `to-rows ${label}`, op: toRows, inputs: [maps], attrs: {} },
  ];
}

const STAGES = [
  [3136, 96],
  [784, 192],
  [196, 384],
  [49, 768],
] as const;
const BATCHES = [1, 8];

const ROWS: readonly BenchRow[] = [
  ...linear(784, 1536, 384),
  ...BATCHES.flatMap((n) =>
    STAGES.flatMap(([rows, c]) => [...linear(n * rows, c, 4 * c), ...linear(n * rows, 4 * c, c)]),
  ),
  ...norm('layer-norm rows 12544x96', f32(12544, 96), 96, { eps: 1e-6, from: 'rows', to: 'rows' }),
  ...norm('layer-norm to rows 4x96x56x56', f32(4, 96, 56, 56), 96, { eps: 1e-6, from: 'nchw', to: 'rows' }),
  ...norm('layer-norm maps 4x96x56x56', f32(4, 96, 56, 56), 96, { eps: 1e-6, from: 'nchw', to: 'nchw' }),
  ...norm('layer-norm to rows 4x768x7x7', f32(4, 768, 7, 7), 768, { eps: 1e-6, from: 'nchw', to: 'rows' }),
  ...residual(4, 96, 56),
];

const [adapter = 'auto', filter = '', repeats = '9', which = ''] = process.argv.slice(2);
const device = await openDevice(adapter);
const pipelines = new PipelineCache(device);
for (const row of ROWS) {
  if (!row.label.includes(filter)) continue;
  await measure(
    device,
    pipelines,
    row,
    Number(repeats),
    which === 'all' ? (variants) => variants : undefined,
  );
}
device.close();
