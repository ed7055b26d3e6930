import { gelu } from '../ops/gelu/op.ts';
import { groupNorm } from '../ops/group-norm/op.ts';
import { layerNorm } from '../ops/layer-norm/op.ts';
import { type AnyOp, mapNamed } from '../ops/op.ts';
import { standardize } from '../ops/standardize/op.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import type { Graph, Node, Tensor } from './graph.ts';

/**
 * What the backward pass recomputes instead of keeping: nothing; the outputs of cheap ops; or everything inside residual blocks, so that
 * only the blocks' inputs are kept.
 */
export type Recompute = 'none' | 'cheap' | 'blocks';

/** Ops that cost one pass over memory or two, and make some of the largest tensors. */
const CHEAP: ReadonlySet<AnyOp> = new Set<AnyOp>([gelu, groupNorm, layerNorm, standardize]);

/** The nodes to recompute, by their outputs. */
type Makers = ReadonlyMap<number, Node>;

/** Only an op's first output is recomputed. Statistics (mean, rstd) are small and kept. */
function cheapMakers(forward: readonly Node[]): Makers {
  const cheap = forward.filter(({ op }) => CHEAP.has(op));
  return new Map(cheap.map((node) => [defined(Object.values(node.outputs)[0], 'output').id, node]));
}

function blockMakers(forward: readonly Node[], kept: ReadonlySet<number>): Makers {
  const makers = new Map<number, Node>();
  for (const node of forward) {
    for (const { id } of Object.values(node.inputs))
      if (makers.get(id)?.block !== node.block) makers.delete(id);
    if (node.block === undefined) continue;
    for (const { id } of Object.values(node.outputs)) if (!kept.has(id)) makers.set(id, node);
  }
  return makers;
}

/** The attributes with which a node computes the same values but updates no state. */
function attrsAgain({ op, attrs, scope }: Node): unknown {
  if (op.mutates === undefined) return attrs;
  if (op.pure !== undefined) return op.pure(attrs);
  throw new FrameworkError(
    'graph/recompute',
    `${scope}: ${op.name} updates state and cannot be recomputed.`,
    {
      hint: 'Use recompute: none.',
    },
  );
}

/**
 * Recomputes values of the forward pass where the backward pass needs them, instead of keeping them: a copy of the node comes before its
 * first reader there. State is updated once. A pure pass; ids of new nodes and tensors come from `graph`.
 * @param kept ids of values that are read after a run
 */
export function recompute(
  graph: Graph,
  nodes: readonly Node[],
  kept: ReadonlySet<number>,
  what: Exclude<Recompute, 'none'>,
): Node[] {
  const forward = nodes.filter(({ direction }) => direction === 'forward');
  const makers = what === 'cheap' ? cheapMakers(forward) : blockMakers(forward, kept);
  const copies = new Map<number, Tensor>();
  const out: Node[] = [];
  /** The same value, recomputed in the backward pass. */
  const again = (tensor: Tensor): Tensor => {
    const maker = makers.get(tensor.id);
    const known = copies.get(tensor.id);
    if (maker === undefined || known !== undefined) return known ?? tensor;
    const inputs = mapNamed(maker.inputs, again);
    const outputs = mapNamed(maker.outputs, (made) => {
      const copy = graph.tensor('value', made.spec, `${made.name} (again)`);
      copies.set(made.id, copy);
      return copy;
    });
    out.push(graph.node({ ...maker, attrs: attrsAgain(maker), inputs, outputs, direction: 'backward' }));
    return defined(copies.get(tensor.id), tensor.name);
  };
  for (const node of nodes)
    out.push(node.direction === 'forward' ? node : { ...node, inputs: mapNamed(node.inputs, again) });
  return out;
}
