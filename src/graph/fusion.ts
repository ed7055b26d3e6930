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

/** The graph around a node, as a rule sees it. */
interface Surroundings {
  /** The node that makes a tensor, if one does. */
  readonly producer: (tensor: Tensor | undefined) => Node | undefined;
  /** Whether only `node` reads the value and nobody reads it after the run. */
  readonly isOnlyFor: (tensor: Tensor, node: Node) => boolean;
  /** Whether the value is read after the run. */
  readonly isKept: (tensor: Tensor) => boolean;
  /** The nodes that read the value, in their order. */
  readonly readersOf: (tensor: Tensor) => readonly Node[];
}

/** A rule's replacement for each node that it matched; undefined deletes the node. */
type Replacements = ReadonlyMap<Node, Node | undefined>;

/** One pattern: an op whose nodes may be merged with neighbours. */
interface Rule {
  readonly name: string;
  /** The op that the match starts from. */
  readonly anchor: AnyOp;
  /** Undefined if the pattern does not match. New nodes come after all their inputs and before all readers of their outputs. */
  match(node: Node, around: Surroundings): Replacements | undefined;
}

function rule<P extends AnyOp>(
  name: string,
  anchor: P,
  match: (node: Node & NodeOf<P>, around: Surroundings) => Replacements | undefined,
): Rule {
  return { name, anchor, match: (node, around) => (isOf(node, anchor) ? match(node, around) : undefined) };
}

/** Replaces a pair of nodes by `fused`, at the place of `at`, which is one of the two. */
function pair(first: Node, last: Node, at: Node, fused: Node): Replacements {
  return new Map([
    [first, at === first ? fused : undefined],
    [last, at === last ? fused : undefined],
  ]);
}

/** The fused node of a pair: it applies `op` in the scope of `base`. */
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

/** The matmul that makes `tensor`, if an epilogue can be fused into it: it must overwrite its output, not accumulate. */
function matmulFor(tensor: Tensor, { producer }: Surroundings): Matmul | undefined {
  const node = producer(tensor);
  if (!isMatmul(node) || node.accumulates.length > 0 || node.attrs.reduceBatch === true) return undefined;
  return node;
}

/** The matmul that normalises its operand `y` as it reads it; undefined if no such kernel exists. */
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
 * A LayerNorm between maps and matmuls computes only its statistics, which are small, and the matmuls normalise as they read. The
 * normalised activation is then neither written nor kept. If any other node reads it, the LayerNorm stays.
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

/** In the order in which they are applied: a matmul absorbs its norm first, then merges with its other neighbours. */
const RULES: readonly Rule[] = [
  ABSORB_NORMS,
  rule('matmul, bias, gelu', gelu, (node, around) => {
    const { x: h } = node.inputs;
    const first = matmulFor(h, around);
    if (first === undefined) return undefined;
    const keep = !around.isOnlyFor(h, node);
    const outputs = { y: node.outputs.y, kept: keep ? h : undefined };
    // At the matmul's place: other nodes may read h before gelu does.
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
    // At the sum's place: x may be made after the matmul.
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

/** Applies only the first rule of `fuse`: matmuls absorb LayerNorm. */
export function absorbNorms(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return applyRule(nodes, ABSORB_NORMS, kept);
}

/**
 * Merges nodes that one kernel can compute. The result still computes, in a valid order, every tensor in `kept` (ids) and every accumulated
 * output of `nodes`. Values between merged nodes are no longer made unless something else reads them.
 */
export function fuse(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return RULES.reduce((current, rule) => applyRule(current, rule, kept), [...nodes]);
}
