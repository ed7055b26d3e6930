import { afterAll, describe, expect, it } from 'vitest';
import { listAdapters } from '../../src/device/adapters.ts';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { differentiate } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { PipelineCache } from '../../src/shader/pipelines.ts';
import { Rng } from '../../src/util/rng.ts';
import { OpRun } from '../../src/execution/run.ts';
import { Graph } from '../../src/graph/graph.ts';
import {
  type AnyKernels,
  type LowerContext,
  type Variant,
  contextOf,
  variantLabel,
} from '../../src/ops/kernels.ts';
import {
  type AnyName,
  type AnyOp,
  type Named,
  type Op,
  type Some,
  inOrder,
  mapNamed,
} from '../../src/ops/op.ts';
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

/** Adapters that compute in 16 bits. */
export async function halfAdapters(): Promise<string[]> {
  const can = await Promise.all(
    adapters.map(async (kind) => (await deviceFor(kind)).device.features.has('shader-f16')),
  );
  return adapters.filter((_, i) => can[i]);
}

afterAll(async () => {
  for (const entry of open.values()) (await entry).device.close();
  open.clear();
});

export interface OpCase<A, I extends string = AnyName> {
  readonly inputs: Named<TensorSpec, I>;
  readonly attrs: A;
  /** Data for some inputs; standard normal (rounded to f32) where absent. */
  readonly data?: Some<Float64Array, I>;
  /** Largest allowed normalised mean squared error, Σ(a−b)²/Σb². Default 1e-10. */
  readonly nmse?: number;
  /** Largest allowed |a−b| relative to the largest |b|. Default 1e-4. */
  readonly worst?: number;
}

/** The cases that an op takes. */
export type CaseOf<P extends AnyOp> = P extends Op<infer A, infer I> ? OpCase<A, I> : never;

type AnyCase = OpCase<unknown>;

/** Standard normal numbers for some tensors, in a list or by name. */
export function randomData(specs: readonly TensorSpec[], seed = 1): Float64Array[] {
  return specs.map((spec, i) => {
    const rng = new Rng(seed, 'test-data', i);
    const stored = spec.dtype === 'f16' ? (value: number) => halfToFloat(floatToHalf(value)) : Math.fround;
    return Float64Array.from({ length: elems(spec.shape) }, () => stored(rng.normal()));
  });
}

/** The data of a case: its own, else random; a fresh copy. */
export function dataOf({ inputs, data = {} }: AnyCase, seed = 1): Record<string, Float64Array> {
  const specs = Object.values(inputs).filter((spec) => spec !== undefined);
  const random = randomData(specs, seed);
  return mapNamed(inOrder(Object.keys(inputs), inputs), (_spec, name, i) =>
    (data[name] ?? random[i]!).slice(),
  );
}

function caseLabel(op: AnyOp, c: AnyCase): string {
  const shapes = mapNamed(c.inputs, (spec, name) => `${name} ${showShape(spec.shape)}`);
  return `${op.name} ${Object.values(shapes).join(' ')} ${JSON.stringify(c.attrs)}`;
}

/** Tests every variant of an op on every adapter against its float64 reference. */
export function testOp<A, I extends string, O extends string>(
  op: Op<A, I, O>,
  cases: readonly OpCase<A, I>[],
): void {
  testKernels(kernelsOf(op), cases);
}

/** The same with kernels that are not quite those of the registry: other variants, another label. */
export function testKernels(kernels: AnyKernels, cases: readonly AnyCase[]): void {
  const { op } = kernels;
  describe.each(adapters)(`${op.name} on %s`, (kind) => {
    it.each(cases.map((c) => [caseLabel(op, c), c] as const))('%s', async (_label, c) => {
      const { device } = await deviceFor(kind);
      const outputs = op.infer(c.inputs, c.attrs);
      const { accumulates = [] } = op;
      for (const added of accumulates.length > 0 ? [[], accumulates] : [[]]) {
        const context = contextOf({ ...c, outputs, accumulates: added }, device.profile);
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
export async function checkVariant(
  kernels: AnyKernels,
  c: OpCase<unknown>,
  context: LowerContext<unknown>,
  variant: Variant,
  kind: string,
): Promise<void> {
  const { op } = kernels;
  const { device, pipelines } = await deviceFor(kind);
  const data = dataOf(c);
  const outputs = inOrder(op.outputs, context.outputs);
  const isAdded = (name: string) => {
    const slot = outputs[name]?.slot;
    return slot?.kind === 'output' && slot.accumulate;
  };
  const run = await OpRun.make(device, pipelines, kernels, context, variant, GUARD);
  try {
    for (const [name, values] of Object.entries(data)) run.write(name, Float32Array.from(values));
    // Overwritten outputs start as NaN, so that a gap shows; accumulated ones, which are f32, as 0.5; a guard follows each.
    for (const [name, spec] of Object.entries(outputs)) {
      const fill = new Uint8Array(run.buffer(name).size).fill(GUARD);
      if (isAdded(name)) new Float32Array(fill.buffer).fill(0.5, 0, elems(spec.shape));
      else fill.fill(NONE, 0, bytesOf(spec));
      device.gpu.queue.writeBuffer(run.buffer(name), 0, fill);
    }
    await device.guard(op.name, () => run.submit());
    const expected = op.reference(data, c.inputs, c.attrs);
    const adds = Object.keys(outputs).some(isAdded) ? ' accumulate' : '';
    const what = `${caseLabel(op, c)} [${variantLabel(variant)}${adds}]`;
    for (const [name, spec] of Object.entries(outputs)) {
      const all = new Uint8Array(await device.read(run.buffer(name)));
      const want = expected[name]!.map((value) => value + (isAdded(name) ? 0.5 : 0));
      compare(`${what} ${name}`, await run.read(name), want, c.nmse ?? 1e-10, c.worst ?? 1e-4);
      expect(
        all.subarray(bytesOf(spec)).every((value) => value === GUARD),
        `${what}: wrote past ${name}`,
      ).toBe(true);
    }
    for (const [name, want] of Object.entries(inOrder(op.mutates ?? [], data)))
      compare(`${what} mutated ${name}`, await run.read(name), want, c.nmse ?? 1e-10, c.worst ?? 1e-4);
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
 * the reference, for the op's first output; further ones are saved statistics. `wrt` lists the inputs to check (default all); at most
 * `probes` elements each.
 */
export function testGradient<A, I extends string, O extends string>(
  op: Op<A, I, O>,
  cases: readonly (OpCase<A, I> & { readonly wrt?: readonly string[]; readonly probes?: number })[],
): void {
  type Case = AnyCase & { readonly wrt?: readonly string[]; readonly probes?: number };
  describe(`gradient of ${op.name}`, () => {
    it.each((cases as readonly Case[]).map((c) => [caseLabel(op, c), c] as const))('%s', (_label, c) => {
      checkGradient(op, c, c.wrt ?? Object.keys(dataOf(c)), c.probes ?? 24);
    });
  });
}

function checkGradient(op: AnyOp, c: AnyCase, wrt: readonly string[], probes: number): void {
  const graph = new Graph();
  const inputs = mapNamed(c.inputs, (spec, name) => graph.input(name, spec));
  const data = dataOf(c, 3);
  const out = graph.one(op, inputs, c.attrs);
  const first = Object.keys(graph.nodes[0]!.outputs)[0]!;
  const seed = graph.input('the seed', out.spec);
  const options = { parameters: false, tensors: wrt.map((name) => inputs[name]!) };
  const { tensors } = differentiate(graph, out, seed, options);
  const weights = randomData([out.spec], 5)[0]!;
  const values = new Map<number, Float64Array>(
    Object.entries(data).map(([name, d]) => [inputs[name]!.id, d.slice()]),
  );
  values.set(seed.id, weights);
  interpret(graph.nodes, values);
  const loss = (changed: Record<string, Float64Array>) => {
    const results = op.reference(
      mapNamed(changed, (d) => d.slice()),
      c.inputs,
      c.attrs,
    );
    return results[first]!.reduce((sum, value, i) => sum + value * weights[i]!, 0);
  };
  wrt.forEach((name, k) => {
    const got = values.get(tensors[k]?.id ?? -1);
    expect(got, `gradient of ${name}`).toBeDefined();
    const n = data[name]!.length;
    const step = Math.max(1, Math.floor(n / probes));
    for (let e = 0; e < n; e += step) {
      const h = 1e-5;
      const moved = (delta: number) => ({
        ...data,
        [name]: data[name]!.map((v, f) => (f === e ? v + delta : v)),
      });
      const numeric = (loss(moved(h)) - loss(moved(-h))) / (2 * h);
      const analytic = got![e]!;
      expect(
        Math.abs(analytic - numeric),
        `d/d ${name}[${e}]: rule ${analytic}, differences ${numeric}`,
      ).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)) * 10);
    }
  });
}
