import type { OnnxGraph } from '../formats/onnx.ts';
import { FrameworkError } from '../util/errors.ts';
import type { Node, NodeOf, Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';
import { batchNorm } from '../ops/batch-norm/op.ts';
import { conv2d } from '../ops/conv2d/op.ts';
import { depthwise } from '../ops/depthwise/op.ts';
import { gelu } from '../ops/gelu/op.ts';
import { layerNorm } from '../ops/layer-norm/op.ts';
import { toMaps, toRows } from '../ops/layout/op.ts';
import { matmul } from '../ops/matmul/op.ts';
import type { AnyOp } from '../ops/op.ts';
import { averagePool, globalAveragePool, maxPool } from '../ops/pool/op.ts';
import { relu } from '../ops/relu/op.ts';
import { scaleResidual } from '../ops/scale-residual/op.ts';
import { scale } from '../ops/scale/op.ts';
import { subsamplePad } from '../ops/subsample-pad/op.ts';
import { elems, showShape } from '../ops/tensor.ts';

/**
 * How the ops of an inference graph are written in ONNX. Maps are (n, c, h, w) in both. Rows (n·h·w, c) become (n, h, w, c): ops on
 * rows act on the last axis only, so the batch can stay free and nothing needs a reshape.
 */

/** The means with which a rule writes nodes. */
export interface Writer {
  readonly onnx: OnnxGraph;
  /** The ONNX name of a tensor; parameters become initialisers when they are first asked for. */
  name(tensor: Tensor | undefined): string;
  /** A parameter (rows, cols) as an initialiser (cols, rows). */
  transposed(tensor: Tensor | undefined): string;
  /** A fresh name for a value inside a node's translation. */
  inner(node: Node, part: string): string;
}

/** Writes nodes whose last makes `out`, the node's first output. */
type Rule<P extends AnyOp> = (w: Writer, node: Node & NodeOf<P>, out: string) => void;

const RULES = new Map<AnyOp, Rule<AnyOp>>();

function rule<P extends AnyOp>(op: P, write: Rule<P>): void {
  RULES.set(op, write);
}

/**
 * Writes one node of an inference graph.
 * @throws FrameworkError `model/export` for an op or an option that ONNX has no rule for
 */
export function writeNode(w: Writer, node: Node, out: string): void {
  const write = RULES.get(node.op);
  if (write === undefined) throw unwritable(node, `the op ${node.op.name} has no translation`);
  write(w, node, out);
}

function unwritable(node: Node, why: string): FrameworkError {
  return new FrameworkError('model/export', `${node.scope || 'the model'} cannot be said in ONNX: ${why}.`, {
    hint: 'Export a model of another family, or write the weights with `largekernel convert`.',
  });
}

/** The names of all inputs, in the op's order, which is ONNX's. */
function namesOf(w: Writer, inputs: Readonly<Record<string, Tensor | undefined>>): string[] {
  return Object.values(inputs).flatMap((tensor) => (tensor ? [w.name(tensor)] : []));
}

/** begin and end of both axes */
const pads = ([y, x]: readonly [number, number]) => [y, x, y, x];

const TO_ROWS = { perm: [0, 2, 3, 1] };
const TO_MAPS = { perm: [0, 3, 1, 2] };

rule(add, (w, node, out) => {
  const { a, b } = node.inputs;
  const shapes = [a, b].map(({ spec }) => showShape(spec.shape));
  if (shapes[0] !== shapes[1]) throw unwritable(node, `it adds tensors of shapes ${shapes.join(' and ')}`);
  w.onnx.node('Add', [w.name(a), w.name(b)], [out]);
});

rule(relu, (w, { inputs: { x } }, out) => w.onnx.node('Relu', [w.name(x)], [out]));

rule(gelu, (w, { inputs: { x } }, out) => w.onnx.gelu(w.name(x), out));

rule(scale, (w, node, out) => {
  const factor = w.onnx.initializer(w.inner(node, 'factor'), Float32Array.of(node.attrs.factor), []);
  w.onnx.node('Mul', [w.name(node.inputs.x), factor], [out]);
});

rule(conv2d, (w, { inputs, attrs: { stride, padding, groups } }, out) => {
  const attributes = { strides: stride, pads: pads(padding), group: groups };
  w.onnx.node('Conv', namesOf(w, inputs), [out], attributes);
});

rule(depthwise, (w, { inputs }, out) => {
  const [c = 0, , kh = 0, kw = 0] = inputs.weight.spec.shape;
  const attributes = { pads: pads([kh >> 1, kw >> 1]), group: c };
  w.onnx.node('Conv', namesOf(w, inputs), [out], attributes);
});

rule(matmul, (w, node, out) => {
  const { a: x, b: weight, bias } = node.inputs;
  const { transposeA, transposeB, bias: along } = node.attrs;
  if (transposeA || along === 'rows' || weight.kind !== 'parameter' || weight.spec.shape.length !== 2)
    throw unwritable(node, 'its product is not of rows with a weight');
  const matrix = transposeB ? w.transposed(weight) : w.name(weight);
  if (bias === undefined) w.onnx.node('MatMul', [w.name(x), matrix], [out]);
  else {
    const product = w.onnx.node('MatMul', [w.name(x), matrix], [w.inner(node, 'product')]);
    w.onnx.node('Add', [product, w.name(bias)], [out]);
  }
});

rule(batchNorm, (w, node, out) => {
  const { eps, training, relu: after } = node.attrs;
  if (training) throw unwritable(node, 'it normalises by the statistics of the batch');
  const operands = namesOf(w, node.inputs);
  const attributes = { epsilon: { float: eps } };
  if (after !== true) w.onnx.node('BatchNormalization', operands, [out], attributes);
  else {
    const y = w.onnx.node('BatchNormalization', operands, [w.inner(node, 'normal')], attributes);
    w.onnx.node('Relu', [y], [out]);
  }
});

rule(layerNorm, (w, node, out) => {
  const { x, weight, bias } = node.inputs;
  const { eps, from, to } = node.attrs;
  const rows =
    from === 'rows' ? w.name(x) : w.onnx.node('Transpose', [w.name(x)], [w.inner(node, 'rows')], TO_ROWS);
  const normal = to === 'rows' ? out : w.inner(node, 'normal');
  const attributes = { axis: -1, epsilon: { float: eps } };
  w.onnx.node('LayerNormalization', [rows, w.name(weight), w.name(bias)], [normal], attributes);
  if (to !== 'rows') w.onnx.node('Transpose', [normal], [out], TO_MAPS);
});

rule(toRows, (w, { inputs: { x } }, out) => w.onnx.node('Transpose', [w.name(x)], [out], TO_ROWS));

rule(toMaps, (w, { inputs: { x } }, out) => w.onnx.node('Transpose', [w.name(x)], [out], TO_MAPS));

rule(scaleResidual, (w, node, out) => {
  const { x, branch, gamma, mask } = node.inputs;
  const { from } = node.attrs;
  if (mask) throw unwritable(node, 'it drops branches at random');
  let y = w.name(branch);
  // gamma (c) lies along the last axis of rows; of maps it is (c, 1, 1).
  if (from === 'rows') {
    if (gamma) y = w.onnx.node('Mul', [y, w.name(gamma)], [w.inner(node, 'scaled')]);
    y = w.onnx.node('Transpose', [y], [w.inner(node, 'maps')], TO_MAPS);
  } else if (gamma) {
    const shape = w.onnx.integers(w.inner(node, 'shape'), [elems(gamma.spec.shape), 1, 1]);
    const column = w.onnx.node('Reshape', [w.name(gamma), shape], [w.inner(node, 'gamma')]);
    y = w.onnx.node('Mul', [y, column], [w.inner(node, 'scaled')]);
  }
  w.onnx.node('Add', [w.name(x), y], [out]);
});

rule(globalAveragePool, (w, node, out) => {
  const pooled = w.onnx.node('GlobalAveragePool', [w.name(node.inputs.x)], [w.inner(node, 'maps')]);
  w.onnx.node('Flatten', [pooled], [out]);
});

rule(averagePool, (w, { inputs: { x }, attrs: { kernel, stride, padding } }, out) =>
  w.onnx.node('AveragePool', [w.name(x)], [out], {
    kernel_shape: kernel,
    strides: stride,
    pads: pads(padding),
    count_include_pad: 1,
  }),
);

rule(maxPool, (w, node, out) => {
  const { kernel, stride, padding, zeroPadding } = node.attrs;
  const pooled = zeroPadding === true ? w.inner(node, 'pooled') : out;
  const attributes = { kernel_shape: kernel, strides: stride, pads: pads(padding) };
  w.onnx.node('MaxPool', [w.name(node.inputs.x)], [pooled], attributes);
  if (zeroPadding !== true) return;
  // Not Pad before MaxPool: ONNX Runtime 1.30 fuses the two, and its padding is −∞.
  const [, , rows = 0, cols = 0] = node.outputs.y.spec.shape;
  const floor = w.onnx.initializer(w.inner(node, 'floor'), zeroWhereMargin(node, rows, cols), [rows, cols]);
  w.onnx.node('Max', [pooled, floor], [out]);
});

/** (rows, cols): 0 where a window meets padding, −∞ elsewhere. */
function zeroWhereMargin(node: NodeOf<typeof maxPool>, rows: number, cols: number): Float32Array {
  const { kernel, stride, padding } = node.attrs;
  const [, , h = 0, w = 0] = node.inputs.x.spec.shape;
  const outside = (i: number, axis: 0 | 1, size: number) => {
    const first = i * stride[axis] - padding[axis];
    return first < 0 || first + kernel[axis] > size;
  };
  return Float32Array.from({ length: rows * cols }, (_, i) =>
    outside(Math.floor(i / cols), 0, h) || outside(i % cols, 1, w) ? 0 : -Infinity,
  );
}

rule(subsamplePad, (w, node, out) => {
  const [, c = 0, height = 0, width = 0] = node.inputs.x.spec.shape;
  const { channels } = node.attrs;
  const before = Math.floor((channels - c) / 2);
  const list = (part: string, values: readonly number[]) => w.onnx.integers(w.inner(node, part), values);
  const bounds = [list('starts', [0, 0]), list('ends', [height, width])];
  const steps = [list('axes', [2, 3]), list('steps', [2, 2])];
  const half = w.onnx.node('Slice', [w.name(node.inputs.x), ...bounds, ...steps], [w.inner(node, 'half')]);
  const amounts = list('pads', [0, before, 0, 0, 0, channels - c - before, 0, 0]);
  w.onnx.node('Pad', [half, amounts], [out]);
});
