import { add } from '../ops/add/op.ts';
import { columnSum } from '../ops/column-sum/op.ts';
import { depthwiseGradInput } from '../ops/depthwise/op.ts';
import { gelu, geluGradient } from '../ops/gelu/op.ts';
import { layerNorm, layerNormStatistics } from '../ops/layer-norm/op.ts';
import { isInQuads } from '../ops/layer-norm/shape.ts';
import {
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
} from '../ops/matmul/fused.ts';
import { matmul } from '../ops/matmul/op.ts';
import { type AnyOp, type Named, type Op, inOrder, operandsOf } from '../ops/op.ts';
import { scaleResidual } from '../ops/scale-residual/op.ts';
import { type Node, type NodeOf, type Tensor, isOf } from './graph.ts';

/** What a rule sees of the graph around a node. */
interface Surroundings {
  /** The node that makes a tensor, if one does. */
  readonly producer: (tensor: Tensor | undefined) => Node | undefined;
  /** Whether nothing but `node` reads the value, and it need not exist after the run. */
  readonly isOnlyFor: (tensor: Tensor, node: Node) => boolean;
  /** Whether the value has to exist after the run. */
  readonly isKept: (tensor: Tensor) => boolean;
  /** The nodes that read the value, in their order. */
  readonly readersOf: (tensor: Tensor) => readonly Node[];
}

/** What a rule puts in the place of nodes; undefined where a node goes. */
type Replacements = ReadonlyMap<Node, Node | undefined>;

/** One pattern: an op whose nodes may be merged with neighbours. */
interface Rule {
  readonly name: string;
  /** The op that the pattern is recognised by. */
  readonly anchor: AnyOp;
  /** Undefined where the pattern is not there. New nodes come after all their inputs and before all readers of their outputs. */
  match(node: Node, around: Surroundings): Replacements | undefined;
}

function rule<P extends AnyOp>(
  name: string,
  anchor: P,
  match: (node: Node & NodeOf<P>, around: Surroundings) => Replacements | undefined,
): Rule {
  return { name, anchor, match: (node, around) => (isOf(node, anchor) ? match(node, around) : undefined) };
}

/** `fused` for a pair of nodes, in the place of `at`, which is one of the two. */
function pair(first: Node, last: Node, at: Node, fused: Node): Replacements {
  return new Map([
    [first, at === first ? fused : undefined],
    [last, at === last ? fused : undefined],
  ]);
}

/** The node for a pair: of op `op`, recorded where `base` was. */
function fusedNode<A, I extends string, O extends string>(
  base: Node,
  op: Op<A, I, O>,
  attrs: A,
  inputs: Named<Tensor, I>,
  outputs: Named<Tensor, O>,
  accumulates: readonly string[] = [],
): Node {
  const any: AnyOp = op;
  return {
    ...base,
    op: any,
    attrs,
    inputs: operandsOf(any, inputs),
    outputs: inOrder(any.outputs, outputs),
    accumulates,
  };
}

type Matmul = Node & (NodeOf<typeof matmul> | NodeOf<typeof matmulNorm>);

function isMatmul(node: Node | undefined): node is Matmul {
  return node !== undefined && (isOf(node, matmul) || isOf(node, matmulNorm));
}

/** The matmul that makes `tensor`, if an epilogue can be fused into it: one that overwrites its output, and does not accumulate. */
function matmulFor(tensor: Tensor, { producer }: Surroundings): Matmul | undefined {
  const node = producer(tensor);
  if (!isMatmul(node) || node.accumulates.length > 0 || node.attrs.reduceBatch === true) return undefined;
  return node;
}

/** The matmul that normalises its operand `y` as it reads it; undefined where it cannot. */
function normalising(node: Node, norm: Node & NodeOf<typeof layerNorm>): Node | undefined {
  if (!isOf(node, matmul)) return undefined;
  const { y, statistics } = norm.outputs;
  const { x, weight: norm_weight, bias: norm_bias } = norm.inputs;
  const { inputs, attrs } = node;
  const { a, b, bias } = inputs;
  const isA = a === y && b !== y && !attrs.transposeA;
  const isB = b === y && a !== y && !attrs.transposeB;
  if (attrs.reduceBatch === true || bias === y || !(isA || isB)) return undefined;
  const normal = isA ? 'a' : 'b';
  const operands = { ...inputs, [normal]: x, statistics, norm_weight, norm_bias };
  return fusedNode(node, matmulNorm, { ...attrs, normal }, operands, node.outputs, node.accumulates);
}

/**
 * A LayerNorm between maps and matmuls only computes its statistics, which are small, and the matmuls normalise what they read. The
 * normalised activation is then neither written nor kept. It stays if any other node reads it.
 */
const ABSORB_NORMS = rule('LayerNorm, matmuls', layerNorm, (norm, { isKept, readersOf }) => {
  const { eps, from, to } = norm.attrs;
  const { y, statistics } = norm.outputs;
  const { x } = norm.inputs;
  if (from !== 'nchw' || to !== 'rows' || !isInQuads(x.spec.shape) || isKept(y)) return undefined;
  const replaced = new Map<Node, Node>();
  for (const reader of readersOf(y)) {
    const matmulOf = normalising(reader, norm);
    if (matmulOf === undefined) return undefined;
    replaced.set(reader, matmulOf);
  }
  if (replaced.size === 0) return undefined;
  return replaced.set(norm, fusedNode(norm, layerNormStatistics, { eps }, { x }, { statistics }));
});

/** In the order in which they are applied: what absorbs a norm is merged with its other neighbours after that. */
const RULES: readonly Rule[] = [
  ABSORB_NORMS,
  rule('matmul, bias, gelu', gelu, (node, around) => {
    const { x: h } = node.inputs;
    const first = matmulFor(h, around);
    if (first === undefined) return undefined;
    const keep = !around.isOnlyFor(h, node);
    const outputs = { y: node.outputs.y, kept: keep ? h : undefined };
    // In the matmul's place: others may read h before gelu does.
    const fused = fusedNode(first, matmulGelu, { ...first.attrs, keep }, first.inputs, outputs);
    return pair(first, node, first, fused);
  }),
  rule('matmul, gradient of gelu', geluGradient, (node, around) => {
    const { x: h, dy } = node.inputs;
    const first = matmulFor(dy, around);
    if (first === undefined || !around.isOnlyFor(dy, node)) return undefined;
    const [inputs, outputs] = [{ ...first.inputs, h }, { y: node.outputs.dx }];
    return pair(first, node, node, fusedNode(node, matmulGeluGradient, first.attrs, inputs, outputs));
  }),
  rule('matmul, layer scale, drop path, residual, back to maps', scaleResidual, (node, around) => {
    const { x: addend, branch, gamma, mask } = node.inputs;
    const first = matmulFor(branch, around);
    if (node.attrs.from !== 'rows' || first?.op !== matmul || around.readersOf(branch)[0] !== node)
      return undefined;
    const keep = !around.isOnlyFor(branch, node);
    const attrs = { ...first.attrs, keep };
    const inputs = { ...first.inputs, addend, gamma, mask };
    const outputs = { y: node.outputs.y, kept: keep ? branch : undefined };
    // In the sum's place: x may be younger than the matmul.
    return pair(first, node, node, fusedNode(node, matmulResidual, attrs, inputs, outputs));
  }),
  rule('gradient of a weight, gradient of its bias', columnSum, (node, around) => {
    const { x: dy } = node.inputs;
    const first = around.readersOf(dy).find((reader): reader is Matmul => {
      if (!isMatmul(reader)) return false;
      const { a, b } = reader.inputs;
      const { transposeA, bias, reduceBatch } = reader.attrs;
      const isGradient = transposeA && bias === 'none' && reduceBatch !== true;
      return isGradient && a === dy && b !== dy && dy.spec.shape.length === 2;
    });
    if (first === undefined) return undefined;
    const outputs = { y: first.outputs.y, sums: node.outputs.y };
    const adds = [...first.accumulates, ...(node.accumulates.length > 0 ? ['sums'] : [])];
    const fused = fusedNode(first, matmulGradWeight, first.attrs, first.inputs, outputs, adds);
    return pair(first, node, first, fused);
  }),
  rule('input gradient of a depthwise convolution, sum with another gradient', add, (node, around) => {
    const { a, b } = node.inputs;
    for (const [dx, addend] of [
      [a, b],
      [b, a],
    ] as const) {
      const first = around.producer(dx);
      if (first === undefined || !isOf(first, depthwiseGradInput) || first.inputs.addend !== undefined)
        continue;
      if (!around.isOnlyFor(dx, node) || addend === dx) continue;
      const [inputs, outputs] = [{ ...first.inputs, addend }, { dx: node.outputs.y }];
      return pair(first, node, node, fusedNode(node, depthwiseGradInput, {}, inputs, outputs));
    }
    return undefined;
  }),
];

function surroundings(nodes: readonly Node[], kept: ReadonlySet<number>): Surroundings {
  const producers = new Map<number, Node>();
  const readers = new Map<number, Set<Node>>(); // in the order of `nodes`
  for (const node of nodes) {
    for (const tensor of Object.values(node.outputs)) producers.set(tensor.id, node);
    for (const tensor of Object.values(node.inputs)) {
      const all = readers.get(tensor.id) ?? new Set();
      readers.set(tensor.id, all.add(node));
    }
  }
  return {
    producer: (tensor) => (tensor?.kind === 'value' ? producers.get(tensor.id) : undefined),
    isKept: (tensor) => kept.has(tensor.id),
    isOnlyFor: (tensor, node) => {
      const all = readers.get(tensor.id);
      return !kept.has(tensor.id) && all?.size === 1 && all.has(node);
    },
    readersOf: (tensor) => [...(readers.get(tensor.id) ?? [])],
  };
}

function applyRule(nodes: readonly Node[], rule: Rule, kept: ReadonlySet<number>): Node[] {
  const around = surroundings(nodes, kept);
  const replaced = new Map<Node, Node | undefined>();
  for (const node of nodes) {
    if (node.op !== rule.anchor || replaced.has(node)) continue;
    const found = rule.match(node, around);
    if (found === undefined || [...found.keys()].some((other) => replaced.has(other))) continue;
    for (const [old, made] of found) replaced.set(old, made);
  }
  return nodes
    .map((node) => (replaced.has(node) ? replaced.get(node) : node))
    .filter((node) => node !== undefined);
}

/** Lets matmuls normalise what they read: only the first rule of `fuse`. */
export function absorbNorms(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return applyRule(nodes, ABSORB_NORMS, kept);
}

/**
 * Lets matmuls normalise what they read, and merges nodes that one kernel can compute. The result computes every tensor in `kept` (ids) and
 * every accumulated output that `nodes` did, in a valid order; values between merged nodes are no longer made unless something else
 * reads them.
 */
export function fuse(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return RULES.reduce((current, rule) => applyRule(current, rule, kept), [...nodes]);
}
