import type { Device } from '../device/device.ts';
import type { PipelineCache } from '../shader/pipelines.ts';
import { floatToHalf, halfToFloat } from '../formats/dtype.ts';
import { messageOf } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import { type LowerContext, type Variant, contextOf, variantLabel } from '../ops/kernels.ts';
import { type AnyOp, type Example, inOrder, mapNamed } from '../ops/op.ts';
import { type TensorSpec, elems } from '../ops/tensor.ts';
import { OpRun } from './run.ts';
import { kernelsOf } from './kernels.ts';

/** The verdict on one op: every example and variant against the float64 reference. */
export interface Proof {
  readonly op: string;
  /** Cases run: examples × variants. */
  readonly cases: number;
  /** Largest normalised mean squared error met. */
  readonly nmse: number;
  /** What went wrong, if anything did. */
  readonly failure: string | undefined;
}

/** Tolerances of the normalised mean squared error. Rounding results to f16 alone gives 1e-7. */
const TOLERANCE = { f32: 1e-8, f16: 1e-6 } as const;

/** An example with its matrices and maps stored in 16 bits, as activations are with `precision: f16`. */
export function halved(example: Example<unknown>): Example<unknown> {
  const inputs = mapNamed(example.inputs, (spec): TensorSpec =>
    spec.shape.length > 1 ? { ...spec, dtype: 'f16' } : spec,
  );
  return { ...example, inputs };
}

/** Whether an example has a tensor stored in 16 bits. */
function isHalf({ inputs }: Pick<Example<unknown>, 'inputs'>): boolean {
  return Object.values(inputs).some((spec) => spec?.dtype === 'f16');
}

/** The tolerance of the normalised mean squared error for these operands. */
export function toleranceOf(operands: Pick<Example<unknown>, 'inputs'>): number {
  return TOLERANCE[isHalf(operands) ? 'f16' : 'f32'];
}

/** An op's examples, and where the device has `shader-f16` the same with tensors in 16 bits. */
function examplesOn(device: Device, { examples }: AnyOp): readonly Example<unknown>[] {
  return device.features.has('shader-f16') ? [...examples, ...examples.map(halved).filter(isHalf)] : examples;
}

/** Runs examples of an op (by default all of its own) on a device and compares the results with its reference. */
export async function proveOp(
  device: Device,
  pipelines: PipelineCache,
  op: AnyOp,
  examples = examplesOn(device, op),
): Promise<Proof> {
  let cases = 0;
  let nmse = 0;
  for (const example of examples) {
    const outputs = op.infer(example.inputs, example.attrs);
    const context = contextOf({ ...example, outputs }, device.profile);
    for (const variant of kernelsOf(op).variants(context)) {
      cases++;
      const where = `${isHalf(example) ? 'f16 ' : ''}${JSON.stringify(example.attrs)} [${variantLabel(variant)}]`;
      try {
        const error = await errorOf(device, pipelines, op, example, context, variant);
        nmse = Math.max(nmse, error.nmse);
        if (!(error.nmse <= error.tolerance))
          return {
            op: op.name,
            cases,
            nmse: error.nmse,
            failure: `${where}: NMSE ${error.nmse.toExponential(1)}`,
          };
      } catch (error) {
        return { op: op.name, cases, nmse, failure: `${where}: ${messageOf(error)}` };
      }
    }
  }
  return { op: op.name, cases, nmse, failure: undefined };
}

/** Deterministic test data: the example's own, else standard normal. */
export function exampleData({ inputs, data = {} }: Example<unknown>): Record<string, Float64Array> {
  return mapNamed(inputs, (spec, name, index) => {
    const rng = new Rng(1, 'example', index);
    const values =
      data[name]?.slice() ?? Float64Array.from({ length: elems(spec.shape) }, () => rng.normal());
    return values.map(spec.dtype === 'f16' ? (value) => halfToFloat(floatToHalf(value)) : Math.fround);
  });
}

async function errorOf(
  device: Device,
  pipelines: PipelineCache,
  op: AnyOp,
  example: Example<unknown>,
  context: LowerContext<unknown>,
  variant: Variant,
): Promise<{ nmse: number; tolerance: number }> {
  const data = exampleData(example);
  const run = await OpRun.make(device, pipelines, kernelsOf(op), context, variant);
  try {
    for (const [name, values] of Object.entries(data)) run.write(name, Float32Array.from(values));
    await device.guard(op.name, () => {
      run.submit();
    });
    const expected = op.reference(data, example.inputs, example.attrs);
    let worst = 0;
    // The reference has updated in place what the op mutates.
    const mutated = inOrder(op.mutates ?? [], data);
    for (const [name, want] of Object.entries({ ...inOrder(op.outputs, expected), ...mutated }))
      worst = Math.max(worst, normalisedError(await run.read(name), want));
    return { nmse: worst, tolerance: toleranceOf(example) };
  } finally {
    run.destroy();
  }
}

/** Σ(got − want)² / Σ want²; NaN counts as infinite. */
export function normalisedError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let square = 0;
  let norm = 0;
  for (let i = 0; i < want.length; i++) {
    square += ((got[i] as number) - (want[i] as number)) ** 2;
    norm += (want[i] as number) ** 2;
  }
  const error = norm === 0 ? square : square / norm;
  return Number.isNaN(error) ? Infinity : error;
}
