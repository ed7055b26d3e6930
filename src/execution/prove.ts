import type { Device } from '../device/device.ts';
import type { PipelineCache } from '../shader/pipelines.ts';
import { floatToHalf, halfToFloat } from '../formats/dtype.ts';
import { defined, messageOf } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import { type LowerContext, type Variant, variantLabel } from '../ops/kernels.ts';
import type { AnyOp, Example } from '../ops/op.ts';
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

/** Of normalised mean squared errors; rounding results to f16 alone gives 1e-7. */
const TOLERANCE = { f32: 1e-8, f16: 1e-6 } as const;

/** An example with its matrices and maps stored in 16 bits, as activations are with `precision: f16`. */
export function halved({ inputs, attrs, data = {} }: Example<unknown>): Example<unknown> {
  const specs = inputs.map((spec): TensorSpec => (spec.shape.length > 1 ? { ...spec, dtype: 'f16' } : spec));
  return { inputs: specs, attrs, data };
}

/** Whether anything of an example is stored in 16 bits. */
function isHalf({ inputs }: Pick<Example<unknown>, 'inputs'>): boolean {
  return inputs.some(({ dtype }) => dtype === 'f16');
}

/** The largest normalised mean squared error that an op may have on such operands. */
export function toleranceOf(operands: Pick<Example<unknown>, 'inputs'>): number {
  return TOLERANCE[isHalf(operands) ? 'f16' : 'f32'];
}

/** An op's examples, and where the device has `shader-f16` those with tensors in 16 bits. */
function examplesOn(device: Device, { examples }: AnyOp): readonly Example<unknown>[] {
  return device.features.has('shader-f16') ? [...examples, ...examples.map(halved).filter(isHalf)] : examples;
}

/** Runs examples of an op on a device, all of its own unless told, and compares them with its reference. */
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
    const context: LowerContext<unknown> = {
      ...example,
      outputs,
      accumulate: outputs.map(() => false),
      profile: device.profile,
    };
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
export function exampleData({ inputs, data }: Example<unknown>): Float64Array[] {
  return inputs.map((spec, i) => {
    const own = data?.[i];
    const rng = new Rng(1, 'example', i);
    const values = own?.slice() ?? Float64Array.from({ length: elems(spec.shape) }, () => rng.normal());
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
    data.forEach((values, i) => {
      run.write(i, Float32Array.from(values));
    });
    await device.guard(op.name, () => {
      run.submit();
    });
    const expected = op.reference(data, example.inputs, example.attrs);
    let worst = 0;
    const compare = (got: Float32Array, want?: Float64Array) => {
      worst = Math.max(worst, normalisedError(got, defined(want, 'reference')));
    };
    for (const i of context.outputs.keys()) compare(await run.read('output', i), expected[i]);
    // The reference has updated these in place.
    for (const i of op.mutates ?? []) compare(await run.read('input', i), data[i]);
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
