import {
  elems,
  flatGrid,
  memoryCost,
  output,
  shapeError,
  showShape,
  type Dispatch,
  type Lowering,
  type Slot,
  type TensorSpec,
} from './op.ts';
import type { ParamValue } from '../shader/expression.ts';

const WORKGROUP = 256;

/** Parts shared by ops whose output has the shape of their first input. */
export const elementwise = {
  cost: memoryCost,
  variants: () => [{ kind: 'plain' }],
};

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

/** One invocation an element of output 0. The shader takes #param N and imports common/flat.wgsl. */
export function flatLowering(
  shader: string,
  out: TensorSpec | undefined,
  bindings: readonly Slot[],
  params: Readonly<Record<string, ParamValue>> = {},
): Lowering {
  const n = elems(out?.shape ?? []);
  const dispatch: Dispatch = {
    shader,
    params: { N: n, WORKGROUP, ...params },
    bindings: [...bindings, output(0)],
    grid: flatGrid(Math.ceil(n / WORKGROUP)),
  };
  return { scratch: [], dispatches: [dispatch] };
}
