import { defined } from '../../src/util/errors.ts';
import { inputsOf, outputsOf, type Case } from './cases.ts';
import { callsOf } from './peers/largekernel.ts';
import { mapNamed } from '../../src/ops/op.ts';
import { type TensorSpec, f32 } from '../../src/ops/tensor.ts';

/** The results of a case by the float64 formulas of the kernels' reference files; undefined for a whole step, which has none. */
export function referenceOf(
  c: Case,
  data: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> | undefined {
  if (c.op === 'step') return undefined;
  const specs = new Map<string, TensorSpec>(inputsOf(c).map(({ name, shape }) => [name, f32(...shape)]));
  const values = new Map<string, Float64Array>(
    [...data].map(([name, array]) => [name, Float64Array.from(array)]),
  );
  for (const { op, inputs, attrs, outputs } of callsOf(c)) {
    const given = mapNamed(inputs, (name) => defined(specs.get(name), name));
    const made = op.infer(given, attrs);
    const data = mapNamed(inputs, (name) => defined(values.get(name), name));
    const results = op.reference(data, given, attrs);
    for (const [output, name] of Object.entries(outputs)) {
      specs.set(name, defined(made[output], name));
      values.set(name, defined(results[output], name));
    }
  }
  return new Map(outputsOf(c).map((name) => [name, Float32Array.from(defined(values.get(name), name))]));
}
