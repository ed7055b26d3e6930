import { afterAll, describe, expect, it } from 'vitest';
import { listAdapters } from '../../src/device/adapters.ts';
import { openDevice, type Device } from '../../src/device/device.ts';
import { differentiate } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { PipelineCache } from '../../src/shader/pipelines.ts';
import { Rng } from '../../src/util/rng.ts';
import { OpRun } from '../../src/execution/run.ts';
import { Graph } from '../../src/graph/graph.ts';
import { type Kernels, type LowerContext, variantLabel } from '../../src/ops/kernels.ts';
import type { Op } from '../../src/ops/op.ts';
import { type TensorSpec, bytesOf, elems, showShape } from '../../src/ops/tensor.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';
import { floatToHalf, halfToFloat } from '../../src/formats/dtype.ts';

/**
 * Kernel tests run on every software adapter of the machine (and on a real GPU where there is one).
 * LARGEKERNEL_TEST_ADAPTERS=lavapipe,swiftshader restricts them.
 */
const wanted = process.env['LARGEKERNEL_TEST_ADAPTERS']?.split(',');
export const adapters = [...new Set((await listAdapters()).map((entry) => entry.kind))].filter(
  (kind) => wanted === undefined || wanted.includes(kind),
);

const open = new Map<string, Promise<{ device: Device; pipelines: PipelineCache }>>();

/** One device an adapter and test file. */
export function deviceFor(kind: string): Promise<{ device: Device; pipelines: PipelineCache }> {
  let entry = open.get(kind);
  if (entry === undefined) {
    entry = openDevice(kind).then((device) => ({ device, pipelines: new PipelineCache(device) }));
    open.set(kind, entry);
  }
  return entry;
}

afterAll(async () => {
  for (const entry of open.values()) (await entry).device.close();
  open.clear();
});

export interface OpCase<A> {
  readonly inputs: readonly TensorSpec[];
  readonly attrs: A;
  /** Data for some inputs; standard normal (rounded to f32) where absent. */
  readonly data?: Readonly<Record<number, Float64Array | undefined>>;
  /** Largest allowed normalised mean squared error, Σ(a−b)²/Σb². Default 1e-10. */
  readonly nmse?: number;
  /** Largest allowed |a−b| relative to the largest |b|. Default 1e-4. */
  readonly worst?: number;
}

export function randomData(specs: readonly TensorSpec[], seed = 1): Float64Array[] {
  return specs.map((spec, i) => {
    const rng = new Rng(seed, 'test-data', i);
    const stored = spec.dtype === 'f16' ? (value: number) => halfToFloat(floatToHalf(value)) : Math.fround;
    return Float64Array.from({ length: elems(spec.shape) }, () => stored(rng.normal()));
  });
}

function caseLabel<A>(op: Op<A>, c: OpCase<A>): string {
  return `${op.name} ${c.inputs.map((spec) => showShape(spec.shape)).join(' ')} ${JSON.stringify(c.attrs)}`;
}

/** Tests every variant of an op on every adapter against its float64 reference. */
export function testOp<A>(op: Op<A>, cases: readonly OpCase<A>[]): void {
  testKernels(kernelsOf(op), cases);
}

/** The same with kernels that are not quite those of the registry: other variants, another label. */
export function testKernels<A>(kernels: Kernels<A>, cases: readonly OpCase<A>[]): void {
  const { op } = kernels;
  describe.each(adapters)(`${op.name} on %s`, (kind) => {
    it.each(cases.map((c) => [caseLabel(op, c), c] as const))('%s', async (_label, c) => {
      const { device } = await deviceFor(kind);
      const outputs = op.infer(c.inputs, c.attrs);
      for (const accumulating of (op.accumulates ?? []).length > 0 ? [false, true] : [false]) {
        const accumulate = outputs.map((_, i) => accumulating && (op.accumulates ?? []).includes(i));
        const context: LowerContext<A> = {
          ...c,
          outputs,
          accumulate,
          profile: device.profile,
        };
        for (const variant of kernels.variants(context))
          await checkVariant(kernels, c, context, variant, kind);
      }
    });
  });
}

const GUARD = 64;
/** Not a number, in 16 and in 32 bits. */
const NONE = 0xff;

/** Tests one variant against the reference: nothing is left out of its outputs, and nothing written beside them. */
export async function checkVariant<A>(
  kernels: Kernels<A>,
  c: OpCase<A>,
  context: LowerContext<A>,
  variant: Record<string, string | number | boolean>,
  kind: string,
): Promise<void> {
  const { op } = kernels;
  const { device, pipelines } = await deviceFor(kind);
  const random = randomData(c.inputs);
  const data = c.inputs.map((_, i) => (c.data?.[i] ?? (random[i] as Float64Array)).slice());
  const run = await OpRun.make(device, pipelines, kernels, context, variant, GUARD);
  try {
    data.forEach((values, i) => run.write(i, Float32Array.from(values)));
    // Overwritten outputs start as NaN, so that a gap shows; accumulated ones, which are f32, as 0.5; a guard follows each.
    context.outputs.forEach((spec, i) => {
      const fill = new Uint8Array((run.outputs[i] as GPUBuffer).size).fill(GUARD);
      if (context.accumulate[i]) new Float32Array(fill.buffer).fill(0.5, 0, elems(spec.shape));
      else fill.fill(NONE, 0, bytesOf(spec));
      device.gpu.queue.writeBuffer(run.outputs[i] as GPUBuffer, 0, fill);
    });
    await device.guard(op.name, () => run.submit());
    const expected = op.reference(data, c.inputs, c.attrs);
    const what = `${caseLabel(op, c)} [${variantLabel(variant)}${context.accumulate.includes(true) ? ' accumulate' : ''}]`;
    for (const [i, spec] of context.outputs.entries()) {
      const all = new Uint8Array(await device.read(run.outputs[i] as GPUBuffer));
      const got = await run.read('output', i);
      const want = (expected[i] as Float64Array).map((value) => value + (context.accumulate[i] ? 0.5 : 0));
      compare(`${what} output ${i}`, got, want, c.nmse ?? 1e-10, c.worst ?? 1e-4);
      expect(
        all.subarray(bytesOf(spec)).every((value) => value === GUARD),
        `${what}: wrote past output ${i}`,
      ).toBe(true);
    }
    for (const i of op.mutates ?? []) {
      const got = await device.readFloats(run.inputs[i] as GPUBuffer, 0, bytesOf(c.inputs[i] as TensorSpec));
      compare(`${what} mutated input ${i}`, got, data[i] as Float64Array, c.nmse ?? 1e-10, c.worst ?? 1e-4);
    }
  } finally {
    run.destroy();
  }
}

/** Fails with the worst element, both values and how much of the tolerance was used. */
export function compare(
  what: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  nmse: number,
  worst: number,
): void {
  expect(got.length, `${what}: length`).toBe(want.length);
  let square = 0;
  let norm = 0;
  let largest = 0;
  let at = -1;
  let worstError = -1;
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs((got[i] as number) - (want[i] as number));
    square += error * error;
    norm += (want[i] as number) ** 2;
    largest = Math.max(largest, Math.abs(want[i] as number));
    if (!(error <= worstError)) [worstError, at] = [error, i];
    if (Number.isNaN(error)) break;
  }
  const relative = norm === 0 ? square : square / norm;
  const bound = worst * Math.max(largest, 1e-30);
  if (!(relative <= nmse) || !(worstError <= bound)) {
    expect.fail(
      `${what}: element ${at} is ${got[at]}, expected ${want[at]}; NMSE ${relative.toExponential(2)} (${((relative / nmse) * 100).toFixed(0)} % of tolerance), ` +
        `worst ${worstError.toExponential(2)} (${((worstError / bound) * 100).toFixed(0)} %)`,
    );
  }
}

/**
 * Checks an op's gradient rule: the graph built by autodiff, run in float64 by the references, against central differences of
 * the reference. `wrt` lists the inputs to check (default all); at most `probes` elements each.
 */
export function testGradient<A>(
  op: Op<A>,
  cases: readonly (OpCase<A> & { wrt?: readonly number[]; probes?: number })[],
): void {
  describe(`gradient of ${op.name}`, () => {
    it.each(cases.map((c) => [caseLabel(op, c), c] as const))('%s', (_label, c) => {
      const graph = new Graph();
      const inputs = c.inputs.map((spec, i) => graph.input(`x${i}`, spec));
      const outputs = graph.apply(op, inputs, c.attrs);
      const random = randomData(c.inputs, 3);
      const data: Float64Array[] = c.inputs.map((_, i) =>
        (c.data?.[i] ?? (random[i] as Float64Array)).slice(),
      );
      const wrt = c.wrt ?? c.inputs.map((_, i) => i);
      for (const [o, out] of outputs.entries()) {
        if (o > 0) break; // further outputs are saved statistics, not differentiated
        const seed = graph.input(`seed${o}`, out.spec);
        const { tensors } = differentiate(graph, out, seed, {
          parameters: false,
          tensors: wrt.map((i) => inputs[i]!),
        });
        const weights = randomData([out.spec], 5)[0] as Float64Array;
        const values = new Map<number, Float64Array>(
          inputs.map((tensor, i) => [tensor.id, (data[i] as Float64Array).slice()]),
        );
        values.set(seed.id, weights);
        interpret(graph.nodes, values);
        const loss = (changed: readonly Float64Array[]) => {
          const results = op.reference(
            changed.map((d) => d.slice()),
            c.inputs,
            c.attrs,
          );
          return (results[o] as Float64Array).reduce(
            (sum, value, i) => sum + value * (weights[i] as number),
            0,
          );
        };
        wrt.forEach((i, k) => {
          const got = values.get(tensors[k]?.id ?? -1);
          expect(got, `gradient of input ${i}`).toBeDefined();
          const n = (data[i] as Float64Array).length;
          const step = Math.max(1, Math.floor(n / (c.probes ?? 24)));
          for (let e = 0; e < n; e += step) {
            const h = 1e-5;
            const moved = (delta: number) =>
              data.map((d, j) => (j === i ? Float64Array.from(d, (v, f) => (f === e ? v + delta : v)) : d));
            const numeric = (loss(moved(h)) - loss(moved(-h))) / (2 * h);
            const analytic = (got as Float64Array)[e] as number;
            expect(
              Math.abs(analytic - numeric),
              `d/d input ${i}[${e}]: rule ${analytic}, differences ${numeric}`,
            ).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)) * 10);
          }
        });
      }
    });
  });
}
