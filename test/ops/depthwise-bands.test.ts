import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_LIMITS, type MatrixUnit, profileOf } from '../../src/device/profile.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';
import type { BandsWeightTile } from '../../src/ops/depthwise/bands-weight.ts';
import type { BandsTile } from '../../src/ops/depthwise/bands.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../src/ops/depthwise/op.ts';
import { type AnyKernels, type Variant, contextOf } from '../../src/ops/kernels.ts';
import type { AnyOp } from '../../src/ops/op.ts';
import { type TensorSpec, f32 } from '../../src/ops/tensor.ts';
import type * as Template from '../../src/shader/template.ts';
import { type OpCase, checkVariant, deviceFor, halfAdapters } from './harness.ts';
import { NARROW_UNIT, UNIT } from './matrix-stand-ins.ts';

// The same WGSL as on matrix units, with functions in the place of their built-ins.
vi.mock('../../src/shader/template.ts', async (original) => {
  const template = await original<typeof Template>();
  const { withStandIns } = await import('./matrix-stand-ins.ts');
  return {
    ...template,
    expandShader: (...args: Parameters<typeof template.expandShader>) =>
      withStandIns(template.expandShader(...args)),
  };
});

/** Each way to cut the work, at sizes that no cut divides. */
const CASES: readonly (readonly [
  shape: readonly [n: number, c: number, h: number, w: number, kh: number, kw: number],
  cut: Pick<BandsTile, 'images' | 'subgroups' | 'bands'>,
])[] = [
  [[3, 2, 9, 11, 7, 5], { images: 2, subgroups: 1, bands: 2 }],
  [[2, 1, 7, 7, 13, 13], { images: 16, subgroups: 7, bands: 1 }], // every output meets every input
  [[5, 2, 6, 8, 31, 31], { images: 4, subgroups: 2, bands: 1 }], // dead taps
  [[2, 1, 3, 20, 3, 25], { images: 1, subgroups: 1, bands: 1 }], // bands across matrices
  [[1, 1, 5, 24, 5, 13], { images: 4, subgroups: 3, bands: 1 }], // a margin, and a subgroup without rows
];

async function check(
  kernels: AnyKernels,
  c: OpCase<unknown>,
  tile: Variant,
  adapter: string,
  accumulates: readonly string[] = [],
) {
  const { device } = await deviceFor(adapter);
  const outputs = kernels.op.infer(c.inputs, c.attrs);
  const context = contextOf({ ...c, outputs, accumulates }, device.profile);
  await checkVariant(kernels, { ...c, nmse: 1e-6, worst: 1e-2 }, context, tile, adapter);
}

const halves = await halfAdapters();

describe.skipIf(halves.length === 0).each(halves)(
  'depthwise on matrix units, by their stand-ins on %s',
  (adapter) => {
    it.each(CASES.map((each, i) => [each[0].join('×'), i % 2 === 0, ...each] as const))(
      '%s',
      async (_label, isOdd, [n, c, h, w, kh, kw], cut) => {
        const maps: TensorSpec = { shape: [n, c, h, w], dtype: 'f16' };
        const weight = f32(c, 1, kh, kw);
        const tile: BandsTile = { kind: 'bands', ...cut };
        const bias = isOdd ? f32(c) : undefined;
        await check(kernelsOf(depthwise), { inputs: { x: maps, weight, bias }, attrs: {} }, tile, adapter);
        const addend = isOdd ? undefined : maps;
        await check(
          kernelsOf(depthwiseGradInput),
          { inputs: { dy: maps, weight, addend }, attrs: {} },
          tile,
          adapter,
        );
      },
    );
  },
);

/** The same of weight gradients. */
const WEIGHT_CASES: readonly (readonly [
  shape: readonly [n: number, c: number, h: number, w: number, kh: number, kw: number],
  cut: Pick<BandsWeightTile, 'images' | 'subgroups' | 'batches'>,
])[] = [
  [[19, 2, 5, 6, 3, 5], { images: 8, subgroups: 1, batches: 2 }], // images one after the other, and in batches
  [[3, 1, 7, 20, 13, 9], { images: 16, subgroups: 7, batches: 1 }], // several blocks of diagonals
  [[5, 2, 3, 8, 31, 31], { images: 8, subgroups: 4, batches: 1 }], // dead taps
  [[2, 1, 2, 18, 3, 35], { images: 8, subgroups: 3, batches: 1 }], // more taps than lanes
];

describe.skipIf(halves.length === 0).each(halves)(
  'its weight gradient, in the same way, on %s',
  (adapter) => {
    it.each(WEIGHT_CASES.map((each, i) => [each[0].join('×'), i % 2 === 0, ...each] as const))(
      '%s',
      async (_label, isOdd, [n, c, h, w, kh, kw], cut) => {
        const maps: TensorSpec = { shape: [n, c, h, w], dtype: 'f16' };
        const tile: BandsWeightTile = { kind: 'bands-weight', ...cut };
        const example = { inputs: { x: maps, dy: maps }, attrs: { kh, kw, bias: isOdd } };
        await check(
          kernelsOf(depthwiseGradWeight),
          example,
          tile,
          adapter,
          isOdd ? ['dweight', 'dbias'] : [],
        );
      },
    );
  },
);

describe('the ways to convolve depthwise', () => {
  const limits = { ...DEFAULT_LIMITS, maxComputeWorkgroupStorageSize: 49152 };
  type Asked = readonly [
    size: number,
    k: number,
    dtype: TensorSpec['dtype'],
    units: readonly MatrixUnit[],
    n?: number,
  ];
  const kindsOf = (
    op: AnyOp,
    inputs: Record<string, TensorSpec>,
    attrs: unknown,
    units: readonly MatrixUnit[],
  ) => {
    const profile = profileOf('gpu', limits, [], { subgroups: { min: 32, max: 32 }, matrixUnits: units });
    const outputs = op.infer(inputs, attrs);
    const context = contextOf({ inputs, attrs, outputs, accumulates: [] }, profile);
    return kernelsOf(op)
      .variants(context)
      .map(({ kind }) => kind);
  };
  const kinds = (...[size, k, dtype, units, n = 64]: Asked) =>
    kindsOf(depthwise, { x: { shape: [n, 96, size, size], dtype }, weight: f32(96, 1, k, k) }, {}, units);
  const weightKinds = (...[size, k, dtype, units, n = 64]: Asked) => {
    const maps: TensorSpec = { shape: [n, 96, size, size], dtype };
    return kindsOf(depthwiseGradWeight, { x: maps, dy: maps }, { kh: k, kw: k, bias: true }, units);
  };

  it('begin with matrix units where half of what they multiply is live and maps have 16 bits', () => {
    for (const [size, k] of [
      [56, 31],
      [56, 51],
      [28, 29],
      [28, 49],
      [14, 13],
      [14, 27],
      [14, 47],
    ] as const)
      expect(kinds(size, k, 'f16', [UNIT])[0]).toBe('bands');
    for (const [size, k] of [
      [28, 29],
      [14, 13],
      [14, 27],
    ] as const)
      expect(weightKinds(size, k, 'f16', [UNIT])[0]).toBe('bands-weight');
    expect(weightKinds(14, 27, 'f32', [UNIT])).not.toContain('bands-weight');
    expect(kinds(56, 31, 'f32', [UNIT])).not.toContain('bands');
    expect(kinds(56, 31, 'f16', [])).not.toContain('bands');
    expect(kinds(56, 31, 'f16', [NARROW_UNIT])).not.toContain('bands');
  });

  it('leave matrix units to the tuner where they are not expected to be faster', () => {
    expect(kinds(56, 13, 'f16', [UNIT])[0]).toBe('rows');
    expect(kinds(56, 13, 'f16', [UNIT])).toContain('bands');
    expect(kinds(56, 7, 'f16', [UNIT])).not.toContain('bands');
    // A single image fills a sixteenth of a matrix.
    expect(weightKinds(14, 27, 'f16', [UNIT], 1)[0]).not.toBe('bands-weight');
    expect(weightKinds(14, 27, 'f16', [UNIT], 1)).toContain('bands-weight');
  });
});
