import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adapters, compare, dataOf, deviceFor, testGradient, testKernels, testOp } from './harness.ts';
import { OpRun } from '../../src/execution/run.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../src/ops/depthwise/op.ts';
import {
  depthwiseGradInputReference,
  depthwiseGradWeightReference,
  depthwiseReference,
} from '../../src/ops/depthwise/reference.ts';
import type { StripTile, StripWeightTile } from '../../src/ops/depthwise/strip.ts';
import type { Tile } from '../../src/ops/depthwise/tiles.ts';
import { type AnyKernels, contextOf, variantLabel } from '../../src/ops/kernels.ts';
import type { AnyOp } from '../../src/ops/op.ts';
import { elems, f32 } from '../../src/ops/tensor.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';

type Shape = readonly [n: number, c: number, h: number, w: number, kh: number, kw: number];

const maps = ([n, c, h, w]: Shape) => f32(n, c, h, w);
const kernel = ([, c, , , kh, kw]: Shape) => f32(c, 1, kh, kw);

/** Tests y, dx and dweight at one shape, with and without bias and addend in turn. */
function testAll(shapes: readonly Shape[], only?: readonly Tile[]): void {
  const pick = (op: AnyOp): AnyKernels =>
    only === undefined ? kernelsOf(op) : { ...kernelsOf(op), variants: () => only };
  testKernels(
    pick(depthwise),
    shapes.map((shape, i) => {
      const bias = i % 2 === 0 ? f32(shape[1]) : undefined;
      return { inputs: { x: maps(shape), weight: kernel(shape), bias }, attrs: {} };
    }),
  );
  testKernels(
    pick(depthwiseGradInput),
    shapes.map((shape, i) => {
      const addend = i % 2 === 1 ? maps(shape) : undefined;
      return { inputs: { dy: maps(shape), weight: kernel(shape), addend }, attrs: {} };
    }),
  );
  testKernels(
    pick(depthwiseGradWeight),
    shapes.map((shape, i) => ({
      inputs: { x: maps(shape), dy: maps(shape) },
      attrs: { kh: shape[4], kw: shape[5], bias: i % 2 === 0 },
    })),
  );
}

testAll([
  [1, 1, 1, 1, 1, 1],
  [2, 1, 1, 3, 3, 3], // one row
  [2, 3, 7, 8, 3, 3], // one tile of eight columns
  [1, 2, 8, 9, 5, 7], // one more
  [3, 1, 4, 5, 7, 9], // the whole kernel is alive, every output meets every input
  [1, 1, 5, 13, 3, 51],
  [1, 1, 13, 5, 51, 3],
  [1, 2, 7, 6, 31, 31],
]);
// More rows than lanes.
testOp(depthwise, [{ inputs: { x: f32(1, 1, 67, 3), weight: f32(1, 1, 3, 3) }, attrs: {} }]);
// Too wide for workgroup memory and for unrolling.
testOp(depthwiseGradWeight, [
  {
    inputs: { x: f32(1, 1, 2, 2500), dy: f32(1, 1, 2, 2500) },
    attrs: { kh: 1, kw: 5, bias: true },
  },
]);

// Cuts that no small shape chooses: every loop of the shaders runs more than once.
const correlate = { kind: 'correlate', columns: 2, rows: 2, lanesY: 2, segments: 2, chunk: 3 } as const;
testAll(
  [[3, 2, 9, 11, 7, 5]],
  [
    { ...correlate, images: 2, blocks: 1, phases: 3, batches: 2 },
    { kind: 'vector', lanes: 4, rows: 2, vectors: 1, batches: 2 },
    { kind: 'vector', lanes: 16, rows: 2, vectors: 1, batches: 2 }, // wider than the subgroup: the plain path
    { kind: 'plain', lanes: 64, batches: 2 },
  ],
);
testKernels(
  {
    ...kernelsOf(depthwise),
    variants: () => [{ ...correlate, images: 2, blocks: 2, phases: 1, batches: 1 }],
  },
  [{ inputs: { x: f32(3, 2, 9, 11), weight: f32(2, 1, 7, 5) }, attrs: {} }],
);

// In registers, for GPUs: items of 4, 2 and 1 columns, planes held whole, columns and rows left over, taps that meet padding only.
const gpuKernels = (op: AnyOp, tiles: readonly (StripTile | StripWeightTile)[]): AnyKernels => ({
  ...kernelsOf(op),
  variants: () => tiles,
});
for (const [[n, c, h, w, kh, kw], cuts] of [
  [[2, 3, 9, 12, 7, 7], [{ columns: 4, rows: 4 }]],
  [[1, 2, 6, 14, 7, 5], [{ columns: 14, rows: 4 }, { columns: 4, rows: 3 }]],
  [[3, 2, 7, 7, 7, 7], [{ columns: 7, rows: 7 }]],
  [[2, 2, 5, 11, 3, 7], [{ columns: 4, rows: 2 }]],
  [[2, 2, 2, 3, 7, 7], [{ columns: 3, rows: 2 }, { columns: 1, rows: 1 }]],
] as const) {
  const [maps, weight] = [f32(n, c, h, w), f32(c, 1, kh, kw)];
  const strips = cuts.map((cut): StripTile => ({ kind: 'strip', ...cut }));
  testKernels(gpuKernels(depthwise, strips), [
    { inputs: { x: maps, weight, bias: f32(c) }, attrs: {} },
    { inputs: { x: maps, weight }, attrs: {} },
  ]);
  testKernels(gpuKernels(depthwiseGradInput, strips), [
    { inputs: { dy: maps, weight, addend: maps }, attrs: {} },
    { inputs: { dy: maps, weight }, attrs: {} },
  ]);
} // prettier-ignore
for (const [[n, c, h, w, kh, kw], cut] of [
  [[2, 3, 5, 12, 5, 3], { columns: 4, rows: 2 }],
  [[1, 2, 4, 14, 3, 5], { columns: 14, rows: 1 }],
  [[2, 2, 5, 11, 3, 3], { columns: 4, rows: 2 }],
  [[2, 2, 2, 3, 7, 7], { columns: 3, rows: 2 }],
] as const) {
  const tiles = [[1, 1], [3, Math.min(n, 2)]].map(([slots = 1, batches = 1]): StripWeightTile => ({ kind: 'strip-weight', ...cut, slots, batches }));
  testKernels(gpuKernels(depthwiseGradWeight, tiles), [true, false].map((bias) => (
    { inputs: { x: f32(n, c, h, w), dy: f32(n, c, h, w) }, attrs: { kh, kw, bias } }
  )));
} // prettier-ignore

testGradient(depthwise, [
  { inputs: { x: f32(2, 2, 4, 3), weight: f32(2, 1, 3, 7), bias: f32(2) }, attrs: {} },
  { inputs: { x: f32(1, 1, 5, 5), weight: f32(1, 1, 5, 3) }, attrs: {} },
]);

describe('depthwise reference against PyTorch', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../golden/ops/depthwise.json', import.meta.url), 'utf8'),
  ) as {
    shape: Shape;
    y: number[];
    dx: number[];
    dweight: number[];
    dbias: number[];
  }[];
  const wave = (count: number, phase: number) =>
    Float64Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * 0.7 + phase)));

  it.each(golden.map((g) => [g.shape.join(' '), g] as const))('%s', (_label, g) => {
    const [n, c, h, w, kh, kw] = g.shape;
    const sizes = { n, c, h, w, kh, kw };
    const x = wave(n * c * h * w, 0.1);
    const weight = wave(c * kh * kw, 0.2);
    const dy = wave(x.length, 0.4);
    compare('y', depthwiseReference(x, weight, wave(c, 0.3), sizes), g.y, 1e-20, 1e-10);
    compare('dx', depthwiseGradInputReference(dy, weight, undefined, sizes), g.dx, 1e-20, 1e-10);
    const { dweight, dbias } = depthwiseGradWeightReference(x, dy, sizes);
    compare('dbias', dbias, g.dbias, 1e-20, 1e-10);
    const alive = dweight.filter((_, i) => isAlive(i, g.shape));
    compare('dweight', alive, g.dweight, 1e-20, 1e-10);
  });
});

/** Whether tap `i` of a (c, 1, kh, kw) kernel meets data on an h × w map. */
function isAlive(i: number, [, , h, w, kh, kw]: Shape): boolean {
  const ky = Math.floor(i / kw) % kh;
  return Math.abs(ky - (kh >> 1)) < h && Math.abs((i % kw) - (kw >> 1)) < w;
}

describe.each(adapters)('depthwise-grad-weight on %s', (kind) => {
  it('gives dead taps exactly zero, leaves them alone when accumulating, and repeats bit for bit', async () => {
    const { device, pipelines } = await deviceFor(kind);
    const shape: Shape = [5, 2, 3, 4, 13, 11];
    const inputs = { x: maps(shape), dy: maps(shape) };
    const attrs = { kh: shape[4], kw: shape[5], bias: true };
    const outputs = depthwiseGradWeight.infer(inputs, attrs);
    const data = dataOf({ inputs, attrs });
    for (const accumulates of [[], ['dweight', 'dbias']]) {
      const context = contextOf({ inputs, outputs, attrs, accumulates }, device.profile);
      const split: Tile = { ...correlate, images: 1, blocks: 1, phases: 1, batches: 3 };
      for (const variant of [...kernelsOf(depthwiseGradWeight).variants(context).slice(0, 1), split]) {
        const run = await OpRun.make(device, pipelines, kernelsOf(depthwiseGradWeight), context, variant);
        for (const [name, values] of Object.entries(data)) run.write(name, Float32Array.from(values));
        const results: Float32Array[] = [];
        for (let repeat = 0; repeat < 2; repeat++) {
          run.write('dweight', new Float32Array(elems(outputs.dweight.shape)).fill(7));
          run.write('dbias', new Float32Array(shape[1]).fill(7));
          await device.guard('run', () => run.submit());
          results.push(await run.read('dweight'));
        }
        const [first, second] = results as [Float32Array, Float32Array];
        expect(second, variantLabel(variant)).toEqual(first);
        const dead = first.filter((_, i) => !isAlive(i, shape));
        expect(dead.length).toBe(2 * (13 * 11 - 5 * 7));
        expect(
          dead.every((value) => Object.is(value, accumulates.length > 0 ? 7 : 0)),
          variantLabel(variant),
        ).toBe(true);
        run.destroy();
      }
    }
  });
});

describe('depthwise shapes', () => {
  it('names what does not match', () => {
    const x = f32(1, 3, 8, 8);
    const weight = f32(3, 1, 3, 3);
    expect(() => depthwise.infer({ x, weight: f32(4, 1, 3, 3) }, {})).toThrow(
      'x (1, 3, 8, 8) and weight (4, 1, 3, 3) do not match',
    );
    expect(() => depthwise.infer({ x, weight: f32(3, 1, 4, 3) }, {})).toThrow('4×3 taps has no centre');
    expect(() => depthwise.infer({ x, weight, bias: f32(2) }, {})).toThrow('bias is (2)');
    expect(() => depthwiseGradInput.infer({ dy: x, weight, addend: f32(1, 3, 8, 7) }, {})).toThrow(
      'addend is (1, 3, 8, 7)',
    );
    expect(() =>
      depthwiseGradWeight.infer({ x, dy: f32(1, 3, 8, 7) }, { kh: 3, kw: 3, bias: false }),
    ).toThrow('of one shape');
  });

  it('counts the taps that touch data', () => {
    const cost = (h: number, k: number) =>
      depthwise.cost({ x: f32(1, 1, h, h), weight: f32(1, 1, k, k) }, { y: f32(1, 1, h, h) }, {});
    expect(cost(7, 51)).toMatchObject({ macs: 49 * 2601, liveMacs: 49 * 49 });
    expect(cost(3, 3)).toMatchObject({ macs: 81, liveMacs: 49 });
  });
});
