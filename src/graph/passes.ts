import { gelu } from '../ops/gelu/op.ts';
import { layerNorm } from '../ops/layer-norm/op.ts';
import type { AnyOp } from '../ops/op.ts';
import { absorbNorms, fuse } from './fusion.ts';
import type { Graph, Node } from './graph.ts';
import { prune } from './prune.ts';
import { recomputeCheap } from './recompute.ts';

/** What the passes are told besides the nodes. */
export interface PassOptions {
  /** Ids of values that are read after a run. */
  readonly kept: ReadonlySet<number>;
  /** Whether what cheap ops made is made again in the backward pass instead of kept. Default false. */
  readonly recomputesCheap?: boolean;
  /** Where passes take ids of new nodes and tensors from. */
  readonly graph: Graph;
}

type Pass = (nodes: readonly Node[], options: PassOptions) => readonly Node[];

/** Ops that take a pass over memory each, and whose outputs are among the largest. */
const CHEAP: ReadonlySet<AnyOp> = new Set([gelu, layerNorm] as AnyOp[]);

/** In order. Norms are absorbed before anything is recomputed: what is no longer there need not be made again. */
const PASSES: readonly Pass[] = [
  (nodes, { kept }) => prune(nodes, kept),
  (nodes, { kept }) => absorbNorms(nodes, kept),
  (nodes, { graph, recomputesCheap }) =>
    recomputesCheap === true ? recomputeCheap(graph, nodes, CHEAP) : nodes,
  (nodes, { kept }) => fuse(nodes, kept),
];

/** What is lowered, of what was recorded: a pure function from a node list to a node list. */
export function optimise(nodes: readonly Node[], options: PassOptions): readonly Node[] {
  return PASSES.reduce((current, pass) => pass(current, options), nodes);
}
