import { type TensorSpec, elems, shapeError, showShape } from './tensor.ts';

/** Throws unless all given operands have the same number of elements. */
export function sameSize(op: string, operands: Readonly<Record<string, TensorSpec | undefined>>): void {
  const specs = Object.entries(operands).flatMap(([name, spec]) => (spec ? [[name, spec] as const] : []));
  if (new Set(specs.map(([, spec]) => elems(spec.shape))).size > 1)
    throw shapeError(
      op,
      `${specs.map(([name, spec]) => `${name} ${showShape(spec.shape)}`).join(' and ')} differ in size`,
    );
}
