import type { Device } from '../device/device.ts';
import type { PipelineCache } from '../shader/pipelines.ts';
import { defined, messageOf } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';
import {
  bytesOf,
  elems,
  variantLabel,
  type AnyOp,
  type Example,
  type LowerContext,
  type TensorSpec,
  type Variant,
} from './op.ts';
import { OpRun } from './run.ts';

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

const TOLERANCE = { f32: 1e-8, f16: 1e-4, u32: 0 } as const;

/** Runs an op's examples on a device and compares them with its reference. f32 operands only. */
export async function proveOp(device: Device, pipelines: PipelineCache, op: AnyOp): Promise<Proof> {
  let cases = 0;
  let nmse = 0;
  for (const example of op.examples) {
    const outputs = op.infer(example.inputs, example.attrs);
    const context: LowerContext<unknown> = {
      ...example,
      outputs,
      accumulate: outputs.map(() => false),
      limits: device.limits,
      features: device.features,
    };
    for (const variant of op.variants(context)) {
      cases++;
      const where = `${JSON.stringify(example.attrs)} [${variantLabel(variant)}]`;
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
    if (own !== undefined) return own.slice();
    const rng = new Rng(1, 'example', i);
    return Float64Array.from({ length: elems(spec.shape) }, () => Math.fround(rng.normal()));
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
  const run = await OpRun.make(device, pipelines, op, context, variant);
  try {
    data.forEach((values, i) => {
      run.write(i, Float32Array.from(values));
    });
    await device.guard(op.name, () => {
      run.submit();
    });
    const expected = op.reference(data, example.inputs, example.attrs);
    let worst = 0;
    const compare = async (buffer: GPUBuffer | undefined, spec?: TensorSpec, want?: Float64Array) => {
      const got = await device.readFloats(
        defined(buffer, 'buffer'),
        0,
        bytesOf(defined(spec, 'shape of a result')),
      );
      worst = Math.max(worst, normalisedError(got, defined(want, 'reference')));
    };
    for (const [i, spec] of context.outputs.entries()) await compare(run.outputs[i], spec, expected[i]);
    // The reference has updated these in place.
    for (const i of op.mutates ?? []) await compare(run.inputs[i], example.inputs[i], data[i]);
    return { nmse: worst, tolerance: TOLERANCE[context.outputs[0]?.dtype ?? 'f32'] };
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
