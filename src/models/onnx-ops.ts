import type { OnnxGraph } from '../formats/onnx.ts';
import { FrameworkError } from '../util/errors.ts';
import type { Node, NodeOf, Tensor } from '../graph/graph.ts';
import { add } from '../ops/add/op.ts';
import { attention } from '../ops/attention/op.ts';
import { batchNorm } from '../ops/batch-norm/op.ts';
import { concat } from '../ops/concat/op.ts';
import { conv2d } from '../ops/conv2d/op.ts';
import { depthwise } from '../ops/depthwise/op.ts';
import { gelu } from '../ops/gelu/op.ts';
import { groupNorm } from '../ops/group-norm/op.ts';
import { layerNorm } from '../ops/layer-norm/op.ts';
import { toMaps, toRows } from '../ops/layout/op.ts';
import { matmul } from '../ops/matmul/op.ts';
import type { AnyOp } from '../ops/op.ts';
import { averagePool, globalAveragePool, maxPool } from '../ops/pool/op.ts';
import { relu } from '../ops/relu/op.ts';
import { scaleResidual } from '../ops/scale-residual/op.ts';
import { scale } from '../ops/scale/op.ts';
import { standardize } from '../ops/standardize/op.ts';
import { subsamplePad } from '../ops/subsample-pad/op.ts';
import { elems, showShape } from '../ops/tensor.ts';
import { firstToken, tokens } from '../ops/tokens/op.ts';

/**
 * How the ops of an inference graph are written in ONNX. Maps are (n, c, h, w) in both. Rows (n·h·w, c) become (n, h, w, c), and
 * tokens (n·tokens, c) become (n, tokens, c): ops on rows act on the last axis only, so the batch stays free.
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

/** A list of whole numbers that a node takes. */
function integers(w: Writer, node: Node, part: string, values: readonly number[]): string {
  return w.onnx.integers(w.inner(node, part), values);
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
  if (from === 'tokens') {
    if (gamma) y = w.onnx.node('Mul', [y, w.name(gamma)], [w.inner(node, 'scaled')]);
  } else if (from === 'rows') {
    if (gamma) y = w.onnx.node('Mul', [y, w.name(gamma)], [w.inner(node, 'scaled')]);
    y = w.onnx.node('Transpose', [y], [w.inner(node, 'maps')], TO_MAPS);
  } else if (gamma) {
    const shape = w.onnx.integers(w.inner(node, 'shape'), [elems(gamma.spec.shape), 1, 1]);
    const column = w.onnx.node('Reshape', [w.name(gamma), shape], [w.inner(node, 'gamma')]);
    y = w.onnx.node('Mul', [y, column], [w.inner(node, 'scaled')]);
  }
  w.onnx.node('Add', [w.name(x), y], [out]);
});

rule(tokens, (w, node, out) => {
  const { patches, cls, positions } = node.inputs;
  const [, count = 0, c = 0] = positions.spec.shape;
  // The class token's row and the patches' rows, each padded by zeros to all tokens, add up: the batch stays free.
  const row = w.onnx.node(
    'Pad',
    [w.name(cls), integers(w, node, 'behind', [0, 0, 0, 0, count - 1, 0])],
    [w.inner(node, 'row')],
  );
  const table = w.onnx.node('Add', [row, w.name(positions)], [w.inner(node, 'table')]);
  const rows = w.onnx.node(
    'Reshape',
    [w.name(patches), integers(w, node, 'shape', [0, count - 1, c])],
    [w.inner(node, 'rows')],
  );
  const padded = w.onnx.node(
    'Pad',
    [rows, integers(w, node, 'before', [0, 1, 0, 0, 0, 0])],
    [w.inner(node, 'padded')],
  );
  w.onnx.node('Add', [padded, table], [out]);
});

rule(firstToken, (w, node, out) => {
  const at = w.onnx.integers(w.inner(node, 'at'), [0]);
  const first = w.onnx.node('Gather', [w.name(node.inputs.x), at], [w.inner(node, 'first')], { axis: 1 });
  w.onnx.node('Flatten', [first], [out]);
});

rule(attention, (w, node, out) => {
  const { heads, tokens: count } = node.attrs;
  const width = (node.outputs.y.spec.shape[1] ?? 0) / heads;
  const make = (type: string, inputs: readonly string[], part: string, attributes = {}) =>
    w.onnx.node(type, inputs, [w.inner(node, part)], attributes);
  const split = make(
    'Reshape',
    [w.name(node.inputs.qkv), integers(w, node, 'split', [0, count, 3, heads, width])],
    'parts',
  );
  const byKind = make('Transpose', [split], 'by-kind', { perm: [2, 0, 3, 1, 4] });
  const [q = '', k = '', v = ''] = ['q', 'k', 'v'].map((part, i) =>
    make('Gather', [byKind, integers(w, node, `at-${part}`, [i])], part, { axis: 0 }),
  );
  const turned = make('Transpose', [k], 'k-turned', { perm: [0, 1, 2, 4, 3] });
  const factor = w.onnx.initializer(w.inner(node, 'factor'), Float32Array.of(width ** -0.5), []);
  const scores = make('Mul', [make('MatMul', [q, turned], 'products'), factor], 'scores');
  const mixed = make('MatMul', [make('Softmax', [scores], 'probabilities', { axis: -1 }), v], 'heads');
  const back = make('Transpose', [mixed], 'back', { perm: [1, 3, 2, 4, 0] });
  w.onnx.node('Reshape', [back, integers(w, node, 'joined', [0, count, heads * width])], [out]);
});

rule(groupNorm, (w, node, out) => {
  const { x, weight, bias } = node.inputs;
  const { groups, eps, relu: after } = node.attrs;
  const [, c = 0, ...area] = x.spec.shape;
  const name = (part: string) => w.inner(node, part);
  const normal = normalised(w, node, w.name(x), {
    before: [0, groups, -1],
    rows: groups,
    after: [0, c, ...area],
    eps,
  });
  const column = integers(w, node, 'column', [c, ...area.map(() => 1)]);
  const gamma = w.onnx.node('Reshape', [w.name(weight), column], [name('gamma')]);
  const beta = w.onnx.node('Reshape', [w.name(bias), column], [name('beta')]);
  const scaled = w.onnx.node('Mul', [normal, gamma], [name('scaled')]);
  if (after !== true) w.onnx.node('Add', [scaled, beta], [out]);
  else w.onnx.node('Relu', [w.onnx.node('Add', [scaled, beta], [name('shifted')])], [out]);
});

rule(standardize, (w, node, out) => {
  const { weight } = node.inputs;
  const [rows = 0, ...rest] = weight.spec.shape;
  const { eps } = node.attrs;
  normalised(w, node, w.name(weight), { before: [1, rows, -1], rows, after: [rows, ...rest], eps }, out);
});

rule(concat, (w, { inputs: { a, b } }, out) =>
  w.onnx.node('Concat', [w.name(a), w.name(b)], [out], { axis: 1 }),
);

/** x with each of its `rows` of the shape `before` normalised to mean 0 and variance 1, in the shape `after`. */
function normalised(
  w: Writer,
  node: Node,
  x: string,
  { before, rows, after, eps }: { before: number[]; rows: number; after: number[]; eps: number },
  out = w.inner(node, 'normal'),
): string {
  const vector = (part: string, value: number) =>
    w.onnx.initializer(w.inner(node, part), new Float32Array(rows).fill(value), [rows]);
  const seen = w.onnx.node('Reshape', [x, integers(w, node, 'rows-shape', before)], [w.inner(node, 'rows')]);
  const operands = [seen, vector('ones', 1), vector('zeros', 0)];
  const attributes = { epsilon: { float: eps } };
  const normal = w.onnx.node('InstanceNormalization', operands, [w.inner(node, 'rows-normal')], attributes);
  return w.onnx.node('Reshape', [normal, integers(w, node, 'shape-after', after)], [out]);
}

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
  const bounds = [integers(w, node, 'starts', [0, 0]), integers(w, node, 'ends', [height, width])];
  const steps = [integers(w, node, 'axes', [2, 3]), integers(w, node, 'steps', [2, 2])];
  const half = w.onnx.node('Slice', [w.name(node.inputs.x), ...bounds, ...steps], [w.inner(node, 'half')]);
  const amounts = integers(w, node, 'pads', [0, before, 0, 0, 0, channels - c - before, 0, 0]);
  w.onnx.node('Pad', [half, amounts], [out]);
});
