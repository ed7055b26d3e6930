import { type TensorSpec, elems, shapeError, showShape } from './tensor.ts';

/** The first input's spec, after checking that all inputs have as many elements. */
export function sameShape(name: string, inputs: readonly TensorSpec[], count: number): readonly TensorSpec[] {
  const [first] = inputs;
  if (first === undefined || inputs.length !== count)
    throw shapeError(name, `takes ${count} inputs, got ${inputs.length}`);
  for (const other of inputs) {
    if (elems(other.shape) !== elems(first.shape)) {
      throw shapeError(
        name,
        `operands of shapes ${inputs.map((spec) => showShape(spec.shape)).join(' and ')} differ in size`,
      );
    }
  }
  return [first];
}
