import { defined } from '../util/errors.ts';
import type { Node, Tensor } from './graph.ts';
import { elems } from '../ops/tensor.ts';

/**
 * Runs nodes in float64 by their ops' references: the oracle for gradient rules, fusion and whole models.
 * @param values tensor id → data; must hold every tensor the nodes read that no node makes. Results are added to it;
 *   accumulated outputs are added to what is there.
 */
export function interpret(nodes: readonly Node[], values: Map<number, Float64Array>): void {
  for (const node of nodes) {
    const inputs = node.inputs.map((tensor) => defined(values.get(tensor.id), `value of ${tensor.name}`));
    const specs = node.inputs.map((tensor) => tensor.spec);
    const results = node.op.reference(inputs, specs, node.attrs);
    node.outputs.forEach((tensor, i) => {
      const result = defined(results[i], `output ${i} of ${node.op.name}`);
      if (node.accumulate[i] === true) accumulateInto(values, tensor, result);
      else values.set(tensor.id, result);
    });
  }
}

function accumulateInto(values: Map<number, Float64Array>, tensor: Tensor, addend: Float64Array): void {
  const present = values.get(tensor.id) ?? new Float64Array(elems(tensor.spec.shape));
  for (let i = 0; i < present.length; i++) present[i] = (present[i] as number) + (addend[i] as number);
  values.set(tensor.id, present);
}
