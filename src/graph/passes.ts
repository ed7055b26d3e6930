import { absorbNorms, fuse } from './fusion.ts';
import type { Graph, Node } from './graph.ts';
import { prune } from './prune.ts';
import { type Recompute, recompute } from './recompute.ts';

/** Inputs of the passes besides the nodes. */
export interface PassOptions {
  /** Ids of values that are read after a run. */
  readonly kept: ReadonlySet<number>;
  /** Default: none. */
  readonly recompute?: Recompute;
  /** Gives new nodes and tensors their ids. */
  readonly graph: Graph;
}

type Pass = (nodes: readonly Node[], options: PassOptions) => readonly Node[];

/** In order. Norms are absorbed before anything is recomputed, because an activation that is gone need not be recomputed. */
const PASSES: readonly Pass[] = [
  (nodes, { kept }) => prune(nodes, kept),
  (nodes, { kept }) => absorbNorms(nodes, kept),
  (nodes, { graph, kept, recompute: what = 'none' }) =>
    what === 'none' ? nodes : recompute(graph, nodes, kept, what),
  (nodes, { kept }) => fuse(nodes, kept),
];

/** Turns recorded nodes into the nodes to lower. Pure: it leaves its arguments alone. */
export function optimise(nodes: readonly Node[], options: PassOptions): readonly Node[] {
  return PASSES.reduce((current, pass) => pass(current, options), nodes);
}
