import { describe, expect, it, vi } from 'vitest';
import { DEFAULT_LIMITS, profileOf, type DeviceProfile, type MatrixUnit } from '../../src/device/profile.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';
import { OpRun } from '../../src/execution/run.ts';
import { halfToFloat } from '../../src/formats/dtype.ts';
import { halved } from '../../src/execution/prove.ts';
import { type AnyKernels, type Variant, contextOf } from '../../src/ops/kernels.ts';
import { geluGradientReference, geluReference } from '../../src/ops/gelu/reference.ts';
import { matmulGelu, matmulGeluGradient } from '../../src/ops/matmul/fused.ts';
import { kernels as family } from '../../src/ops/matmul/kernels.ts';
import { matmulVariants } from '../../src/ops/matmul/gemm.ts';
import { type MatmulAttrs, matmul } from '../../src/ops/matmul/op.ts';
import { inOrder } from '../../src/ops/op.ts';
import type * as Template from '../../src/shader/template.ts';
import { type TensorSpec, f32 } from '../../src/ops/tensor.ts';
import { type CaseOf, type OpCase, checkVariant, deviceFor, halfAdapters } from './harness.ts';
import { NARROW_UNIT, ONE, UNIT } from './matrix-stand-ins.ts';

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

const NN: MatmulAttrs = { transposeA: false, transposeB: false, bias: 'none' };
const NT: MatmulAttrs = { ...NN, transposeB: true };
const TN: MatmulAttrs = { ...NN, transposeA: true };
const TT: MatmulAttrs = { ...NT, transposeA: true };

/** A stored in 16 bits and b in 16 or, as weights are, in 32. */
function product(
  [m, n, k]: readonly [number, number, number],
  attrs: MatmulAttrs,
  b: 'f16' | 'f32' = 'f16',
  batch: readonly number[] = [],
): CaseOf<typeof matmul> {
  const spec = (shape: readonly number[], dtype: TensorSpec['dtype']): TensorSpec => ({ shape, dtype });
  return {
    inputs: {
      a: spec([...batch, ...(attrs.transposeA ? [k, m] : [m, k])], 'f16'),
      b: spec([...batch, ...(attrs.transposeB ? [n, k] : [k, n])], b),
      bias: attrs.bias === 'none' ? undefined : f32(attrs.bias === 'cols' ? n : m),
    },
    attrs,
  };
}

/** Several of everything: subgroups and matrices along both sides, copies a lane, products of one tile. */
const TURNED: Variant = { ...ONE, turn: true };
const SEVERAL: Variant = {
  kind: 'matrix',
  cols: 16,
  wa: 2,
  wb: 2,
  ra: 1,
  rb: 2,
  depth: 32,
  strip: 1,
  turn: true,
};

async function check(
  kernels: AnyKernels,
  c: OpCase<unknown>,
  adapter: string,
  variants: readonly Variant[],
): Promise<void> {
  const { device } = await deviceFor(adapter);
  const { op } = kernels;
  const outputs = op.infer(c.inputs, c.attrs);
  for (const [i, variant] of variants.entries()) {
    // Only parameters' gradients, which are f32, are added to.
    const accumulates = Object.entries(inOrder(op.accumulates ?? [], outputs)).flatMap(([name, { dtype }]) =>
      i % 2 === 1 && dtype === 'f32' ? [name] : [],
    );
    const context = contextOf({ ...c, outputs, accumulates }, device.profile);
    await checkVariant(kernels, { ...c, nmse: 1e-6, worst: 1e-2 }, context, variant, adapter);
  }
}

const halves = await halfAdapters();

describe.skipIf(halves.length === 0).each(halves)(
  'products on matrix units, by their stand-ins on %s',
  (adapter) => {
    it.each([
      ['a row, a column', product([1, 1, 1], NN), [ONE]],
      ['bias over rows', product([65, 63, 17], { ...NN, bias: 'rows' }), [SEVERAL]],
      ['bias over columns, weights in f32', product([68, 100, 96], { ...NT, bias: 'cols' }, 'f32'), [ONE]],
      ['a transposed', product([66, 36, 20], TN), [ONE, SEVERAL]],
      ['both transposed', product([68, 35, 18], TT, 'f32'), [SEVERAL]],
      ['an inner dimension that is cut', product([12, 16, 2060], TN), [ONE, TURNED]],
      ['batches that are summed', product([12, 68, 49], { ...NT, reduceBatch: true }, 'f16', [5]), [SEVERAL]],
      ['tiles without edges', product([64, 128, 40], { ...NT, bias: 'cols' }), [SEVERAL]],
      ['batches', product([13, 20, 19], { ...NT, bias: 'rows' }, 'f16', [3]), [ONE]],
    ] as const)('matmul: %s', async (_label, c, variants) => {
      await check(kernelsOf(matmul), c, adapter, variants);
    });

    it('units of eight columns', async () => {
      const c = product([35, 36, 40], { ...TN, bias: 'cols' });
      await check(kernelsOf(matmul), c, adapter, [{ ...SEVERAL, cols: 8 }]);
    });

    it.each([
      ['gelu', 0.51, kernelsOf(matmulGelu), 'bias', { ...NT, bias: 'cols', keep: false }],
      ['its gradient', 0.54, kernelsOf(matmulGeluGradient), 'h', NT],
    ] as const)(
      '%s of every number is within %s of a last place',
      async (_label, most, kernels, operand, attrs) => {
        const every = Float64Array.from({ length: 0x10000 }, (_, bits) => halfToFloat(bits)).filter(isFinite);
        const n = every.length;
        const half = (...shape: number[]): TensorSpec => ({ shape, dtype: 'f16' });
        const row = { bias: f32(n), h: half(1, n) }[operand];
        const c = { inputs: { a: half(1, 1), b: half(n, 1), [operand]: row }, attrs };
        const data = { a: [operand === 'h' ? 1 : 0], b: new Float64Array(n).fill(1), [operand]: every };
        const { device, pipelines } = await deviceFor(adapter);
        const context = contextOf({ ...c, outputs: kernels.op.infer(c.inputs, attrs) }, device.profile);
        const run = await OpRun.make(device, pipelines, kernels, context, ONE);
        try {
          for (const [name, values] of Object.entries(data)) run.write(name, Float32Array.from(values));
          run.submit();
          const got = await run.read('y');
          const want = operand === 'h' ? geluGradientReference(every, data.b) : geluReference(every);
          // In units of the last place of f16. Beside its zero, what the gradient subtracts has been rounded to f32.
          const errors = want.map((value, i) => {
            const place = 2 ** Math.max(Math.floor(Math.log2(Math.abs(value))) - 10, -24);
            return (Math.abs(got[i]! - value) - 2 ** -25) / place;
          });
          const worst = errors.reduce((most, error, i) => (error > errors[most]! ? i : most), 0);
          expect(errors[worst], `x = ${every[worst]}: ${got[worst]}, not ${want[worst]}`).toBeLessThan(most);
        } finally {
          run.destroy();
        }
      },
    );

    const fused: readonly AnyKernels[] = family.filter(({ op }) => op.name !== 'matmul');
    const examples = fused.flatMap((kernels) =>
      kernels.op.examples.map((example, i) => [`${kernels.op.name} ${i}`, kernels, halved(example)] as const),
    );
    it.each(examples)('%s', async (_label, kernels, example) => {
      await check(kernels, example, adapter, kernels.op.accumulates === undefined ? [TURNED] : [ONE, TURNED]);
    });
  },
);

describe('the ways to compute a product', () => {
  const shape = { batch: 1, m: 12544, n: 1536, k: 384, batchStrideA: 0, batchStrideB: 0 };
  const limits = { ...DEFAULT_LIMITS, maxComputeWorkgroupStorageSize: 49152 };
  const profile = (units: readonly MatrixUnit[], min = 32, max = 32, features: readonly string[] = []) =>
    profileOf('gpu', limits, features, { subgroups: { min, max }, matrixUnits: units });
  const first = (of: DeviceProfile, changes = {}, half = true, canSplit = false) =>
    matmulVariants({ ...shape, ...changes }, of, half, false, canSplit)[0];

  it('begin with matrix units where activations have 16 bits and a unit sums in 32', () => {
    expect(first(profile([UNIT]))).toMatchObject({ kind: 'matrix', cols: 16 });
    expect(first(profile([NARROW_UNIT, UNIT]))).toMatchObject({ kind: 'matrix', cols: 16 });
    expect(first(profile([NARROW_UNIT]))).toMatchObject({ kind: 'matrix', cols: 8 });
    for (const [other, half] of [
      [profile([UNIT]), false],
      [profile([{ ...UNIT, sums: 'f16' }]), true],
      [profile([{ ...UNIT, m: 8 }]), true],
      [profile([]), true],
    ] as const)
      expect(first(other, {}, half)).toMatchObject({ kind: 'block' });
  });

  it('ask for the size of subgroups where it varies, and can be asked for', () => {
    expect(first(profile([UNIT]))).not.toHaveProperty('sized');
    expect(first(profile([UNIT], 32, 64, ['subgroup-size-control']))).toMatchObject({ sized: true });
    expect(first(profile([UNIT], 32, 64))).toMatchObject({ kind: 'block' });
    expect(first(profile([UNIT], 16, 16))).toMatchObject({ kind: 'block' });
  });

  it('use small tiles where large ones would leave most of the device, or of themselves, empty', () => {
    const rows = (changes: object, canSplit = false) => {
      const variant = first(profile([UNIT]), changes, true, canSplit);
      if (variant?.kind !== 'matrix') return [];
      return [16 * variant.wa * variant.ra, 16 * variant.wb * variant.rb];
    };
    expect(rows({})).toEqual([128, 128]);
    expect(rows({ m: 200704, n: 96 })).toEqual([128, 96]);
    expect(rows({ m: 64, n: 1000 })).toEqual([64, 64]);
    expect(rows({ m: 384, n: 1536, k: 12544 }, true)).toEqual([128, 128]);
  });
});
