import { defined } from '../util/errors.ts';
import type { Node, Tensor } from './graph.ts';
import { add } from '../ops/add/op.ts';
import { columnSum } from '../ops/column-sum/op.ts';
import { depthwiseGradInput } from '../ops/depthwise/op.ts';
import { gelu, geluGradient } from '../ops/gelu/op.ts';
import { layerNorm, layerNormStatistics } from '../ops/layer-norm/op.ts';
import { type LayerNormAttrs, isInQuads } from '../ops/layer-norm/shape.ts';
import {
  type FusedMatmulAttrs,
  matmulGelu,
  matmulGeluGradient,
  matmulGradWeight,
  matmulNorm,
  matmulResidual,
} from '../ops/matmul-fused/op.ts';
import { type MatmulAttrs, matmul } from '../ops/matmul/op.ts';
import type { AnyOp, Op } from '../ops/op.ts';
import { type ScaleResidualAttrs, scaleResidual } from '../ops/scale-residual/op.ts';

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
  readonly match: (node: Node, around: Surroundings) => Replacements | undefined;
}

/** `fused` for a pair of nodes, in the place of `at`, which is one of the two. */
function pair(first: Node, last: Node, at: Node, fused: Node): Replacements {
  return new Map([
    [first, at === first ? fused : undefined],
    [last, at === last ? fused : undefined],
  ]);
}

/** The node for a pair: of op `op`, recorded where `base` was. */
function fusedNode<A>(
  base: Node,
  op: Op<A>,
  attrs: A,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  accumulate: readonly boolean[] = outputs.map(() => false),
): Node {
  return { ...base, op: op, attrs, inputs, outputs, accumulate };
}

/** The product that makes `tensor`, if it can take an end: one that is written, not added up. */
function productFor(
  tensor: Tensor | undefined,
  { producer }: Surroundings,
): Node<FusedMatmulAttrs> | undefined {
  const node = producer(tensor);
  if (node === undefined || node.accumulate.includes(true)) return undefined;
  if (node.op !== matmul && node.op !== matmulNorm) return undefined;
  const product = node as Node<FusedMatmulAttrs>;
  return product.attrs.reduceBatch === true ? undefined : product;
}

/** The product with its operand `y` normalised on the way in, or undefined where it is not one that can. */
function normalising(node: Node, norm: Node): Node | undefined {
  if (node.op !== matmul) return undefined;
  const [x, weight, bias] = norm.inputs as [Tensor, Tensor, Tensor];
  const [y, statistics] = norm.outputs as [Tensor, Tensor];
  const attrs = node.attrs as MatmulAttrs;
  const [a, b, ...rest] = node.inputs as [Tensor, Tensor, ...Tensor[]];
  const isA = a === y && b !== y && !attrs.transposeA;
  const isB = b === y && a !== y && !attrs.transposeB;
  if (attrs.reduceBatch === true || rest.includes(y) || !(isA || isB)) return undefined;
  const operands = isA ? [x, b] : [a, x];
  const inputs = [...operands, ...rest, statistics, weight, bias];
  const fused: FusedMatmulAttrs = { ...attrs, normal: isA ? 'a' : 'b' };
  return fusedNode(node, matmulNorm, fused, inputs, node.outputs, node.accumulate);
}

/**
 * LayerNorms between maps and products become statistics, which are small, and the products normalise what they read: a normalised
 * activation is neither written nor kept. Where anything else needs it, it stays.
 */
const ABSORB_NORMS: Rule = {
  name: 'LayerNorm, products',
  anchor: layerNorm,
  match(norm, { isKept, readersOf }) {
    const { eps, from, to } = norm.attrs as LayerNormAttrs;
    const [y, statistics] = norm.outputs as [Tensor, Tensor];
    const [x] = norm.inputs as [Tensor];
    if (from !== 'nchw' || to !== 'rows' || !isInQuads(x.spec.shape) || isKept(y)) return undefined;
    const replaced = new Map<Node, Node>();
    for (const reader of readersOf(y)) {
      const product = normalising(reader, norm);
      if (product === undefined) return undefined;
      replaced.set(reader, product);
    }
    if (replaced.size === 0) return undefined;
    return replaced.set(norm, fusedNode(norm, layerNormStatistics, { eps }, [x], [statistics]));
  },
};

/** In the order in which they are applied: what absorbs a norm is merged with its other neighbours after that. */
const RULES: readonly Rule[] = [
  ABSORB_NORMS,
  {
    name: 'product, bias, gelu',
    anchor: gelu,
    match(node, around) {
      const h = defined(node.inputs[0], 'h');
      const first = productFor(h, around);
      if (first === undefined) return undefined;
      const keep = !around.isOnlyFor(h, node);
      const outputs = keep ? [...node.outputs, h] : node.outputs;
      // In the product's place: others may read h before gelu does.
      const fused = fusedNode(first, matmulGelu, { ...first.attrs, keep }, first.inputs, outputs);
      return pair(first, node, first, fused);
    },
  },
  {
    name: 'product, gradient of gelu',
    anchor: geluGradient,
    match(node, around) {
      const [h, dy] = node.inputs.map((tensor) => defined(tensor, 'input')) as [Tensor, Tensor];
      const first = productFor(dy, around);
      if (first === undefined || !around.isOnlyFor(dy, node)) return undefined;
      const inputs = [...first.inputs, h];
      return pair(first, node, node, fusedNode(node, matmulGeluGradient, first.attrs, inputs, node.outputs));
    },
  },
  {
    name: 'product, layer scale, drop path, residual, back to maps',
    anchor: scaleResidual,
    match(node, around) {
      const { from, gamma, mask } = node.attrs as ScaleResidualAttrs;
      const [x, branch, ...factors] = node.inputs as [Tensor, Tensor, ...Tensor[]];
      const first = productFor(branch, around);
      if (from !== 'rows' || first?.op !== matmul || around.readersOf(branch)[0] !== node) return undefined;
      const keep = !around.isOnlyFor(branch, node);
      const attrs = { ...first.attrs, gamma, mask, keep };
      const inputs = [...first.inputs, x, ...factors];
      const outputs = keep ? [...node.outputs, branch] : node.outputs;
      // In the sum's place: x may be younger than the product.
      return pair(first, node, node, fusedNode(node, matmulResidual, attrs, inputs, outputs));
    },
  },
  {
    name: 'gradient of a weight, gradient of its bias',
    anchor: columnSum,
    match(node, around) {
      const dy = defined(node.inputs[0], 'dy');
      const first = around.readersOf(dy).find((reader): reader is Node<FusedMatmulAttrs> => {
        if (reader.op !== matmul && reader.op !== matmulNorm) return false;
        const { transposeA, bias, reduceBatch } = reader.attrs as FusedMatmulAttrs;
        const isGradient = transposeA && bias === 'none' && reduceBatch !== true;
        return isGradient && reader.inputs[0] === dy && reader.inputs[1] !== dy && dy.spec.shape.length === 2;
      });
      if (first === undefined) return undefined;
      const outputs = [...first.outputs, ...node.outputs];
      const accumulate = [...first.accumulate, ...node.accumulate];
      const fused = fusedNode(first, matmulGradWeight, first.attrs, first.inputs, outputs, accumulate);
      return pair(first, node, first, fused);
    },
  },
  {
    name: 'input gradient of a depthwise convolution, sum with another gradient',
    anchor: add,
    match(node, around) {
      for (const [dx, other] of [node.inputs, [...node.inputs].reverse()] as [Tensor, Tensor][]) {
        const first = around.producer(dx);
        if (first?.op !== depthwiseGradInput || first.inputs.length !== 2) continue;
        if (!around.isOnlyFor(dx, node) || other === dx) continue;
        const inputs = [...first.inputs, other];
        return pair(first, node, node, fusedNode(node, depthwiseGradInput, {}, inputs, node.outputs));
      }
      return undefined;
    },
  },
];

function surroundings(nodes: readonly Node[], kept: ReadonlySet<number>): Surroundings {
  const producers = new Map<number, Node>();
  const readers = new Map<number, Set<Node>>(); // in the order of `nodes`
  for (const node of nodes) {
    for (const tensor of node.outputs) producers.set(tensor.id, node);
    for (const tensor of node.inputs) {
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

/** Lets products normalise what they read: the first of the rules of `fuse`, alone. */
export function absorbNorms(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return applyRule(nodes, ABSORB_NORMS, kept);
}

/**
 * Lets products normalise what they read, and merges nodes that one kernel can do. The result computes every tensor in `kept` (ids) and
 * every accumulated output that `nodes` did, in a valid order; values between merged nodes are no longer made unless something else
 * reads them.
 */
export function fuse(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  return RULES.reduce((current, rule) => applyRule(current, rule, kept), [...nodes]);
}
