import { defined } from '../util/errors.ts';
import { mapNamed } from '../ops/op.ts';
import { elems } from '../ops/tensor.ts';
import { type Node, type Tensor, specsOf } from './graph.ts';

/**
 * Runs nodes in float64 by their ops' references: the oracle for gradient rules, fusion and whole models.
 * @param values tensor id → data; must hold every tensor the nodes read that no node makes. Results are added to it;
 *   accumulated outputs are added to what is there.
 */
export function interpret(nodes: readonly Node[], values: Map<number, Float64Array>): void {
  for (const node of nodes) {
    const inputs = mapNamed(node.inputs, ({ id, name }) => defined(values.get(id), `value of ${name}`));
    const results = node.op.reference(inputs, specsOf(node.inputs), node.attrs);
    for (const [name, tensor] of Object.entries(node.outputs)) {
      const result = defined(results[name], `${name} of ${node.op.name}`);
      if (node.accumulates.includes(name)) accumulateInto(values, tensor, result);
      else values.set(tensor.id, result);
    }
  }
}

function accumulateInto(values: Map<number, Float64Array>, tensor: Tensor, addend: Float64Array): void {
  const present = values.get(tensor.id) ?? new Float64Array(elems(tensor.spec.shape));
  for (let i = 0; i < present.length; i++) present[i] = (present[i] as number) + (addend[i] as number);
  values.set(tensor.id, present);
}
