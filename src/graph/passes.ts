import { absorbNorms, fuse } from './fusion.ts';
import type { Graph, Node } from './graph.ts';
import { prune } from './prune.ts';
import { type Recompute, recompute } from './recompute.ts';

/** What the passes are told besides the nodes. */
export interface PassOptions {
  /** Ids of values that are read after a run. */
  readonly kept: ReadonlySet<number>;
  /** Default: none. */
  readonly recompute?: Recompute;
  /** Where passes take ids of new nodes and tensors from. */
  readonly graph: Graph;
}

type Pass = (nodes: readonly Node[], options: PassOptions) => readonly Node[];

/** In order. Norms are absorbed before anything is recomputed: what is no longer there need not be made again. */
const PASSES: readonly Pass[] = [
  (nodes, { kept }) => prune(nodes, kept),
  (nodes, { kept }) => absorbNorms(nodes, kept),
  (nodes, { graph, kept, recompute: what = 'none' }) =>
    what === 'none' ? nodes : recompute(graph, nodes, kept, what),
  (nodes, { kept }) => fuse(nodes, kept),
];

/** What is lowered, of what was recorded: a pure function from a node list to a node list. */
export function optimise(nodes: readonly Node[], options: PassOptions): readonly Node[] {
  return PASSES.reduce((current, pass) => pass(current, options), nodes);
}
