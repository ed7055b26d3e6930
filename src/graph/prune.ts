import type { Node } from './graph.ts';

/** The nodes that `kept` tensors, parameter gradients and state updates depend on, in order. */
export function prune(nodes: readonly Node[], kept: ReadonlySet<number>): Node[] {
  const needed = new Set(kept);
  const result: Node[] = [];
  for (const node of [...nodes].reverse()) {
    const useful =
      node.accumulates.length > 0 ||
      Object.values(node.outputs).some((tensor) => needed.has(tensor.id)) ||
      (node.op.mutates ?? []).some((name) => node.inputs[name]?.kind === 'state');
    if (!useful) continue;
    for (const tensor of Object.values(node.inputs)) needed.add(tensor.id);
    result.push(node);
  }
  return result.reverse();
}
