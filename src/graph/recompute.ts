import type { Graph, Node, Tensor } from './graph.ts';
import { type AnyOp, mapNamed } from '../ops/op.ts';

/**
 * Makes what cheap ops computed again where the backward pass needs it, instead of keeping it since the forward pass: a copy of the
 * node stands before the first reader there. A pure pass; ids of new nodes and tensors come from `graph`.
 * @param cheap ops that update no state
 */
export function recomputeCheap(graph: Graph, nodes: readonly Node[], cheap: ReadonlySet<AnyOp>): Node[] {
  const makers = new Map<number, Node>();
  for (const node of nodes) {
    if (node.stage !== 'forward' || !cheap.has(node.op)) continue;
    for (const tensor of Object.values(node.outputs)) makers.set(tensor.id, node);
  }
  const copies = new Map<number, Tensor>();
  const out: Node[] = [];
  /** The same value made in the backward pass. */
  const again = (tensor: Tensor): Tensor => {
    const maker = makers.get(tensor.id);
    if (maker === undefined) return tensor;
    const known = copies.get(tensor.id);
    if (known !== undefined) return known;
    const inputs = mapNamed(maker.inputs, again);
    const outputs = mapNamed(maker.outputs, (made) => {
      const copy = graph.tensor('value', made.spec, `${made.name} (again)`);
      copies.set(made.id, copy);
      return copy;
    });
    out.push(graph.push({ ...maker, inputs, outputs, stage: 'backward' }));
    return copies.get(tensor.id) as Tensor;
  };
  for (const node of nodes) {
    if (node.stage === 'forward') {
      out.push(node);
      continue;
    }
    // Statistics (mean, rstd) are small: they are kept, and only an op's first output is made again.
    const isLarge = (tensor: Tensor) => Object.values(makers.get(tensor.id)?.outputs ?? {})[0] === tensor;
    const inputs = mapNamed(node.inputs, (tensor) => (isLarge(tensor) ? again(tensor) : tensor));
    out.push(Object.values(node.inputs).some(isLarge) ? { ...node, inputs } : node);
  }
  return out;
}
