import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectGolden, golden, wave } from './dense-golden.ts';
import { type CaseOf, dataOf, testOp } from './harness.ts';
import type { AnyOp } from '../../src/ops/op.ts';
import {
  SCALARS,
  SCALARS_SPEC,
  type StepSettings,
  adamw,
  clipFactor,
  ema,
  packScalars,
  sgdMomentum,
} from '../../src/ops/optimizer/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

const pack = (settings: StepSettings) => Float64Array.from(packScalars(settings));

it('has the same scalars in TypeScript and WGSL', () => {
  const file = fileURLToPath(new URL('../../shaders/optimizer/scalars.wgsl', import.meta.url));
  const fields = [...readFileSync(file, 'utf8').matchAll(/^ {2}(\w+): f32,$/gm)].map((match) => match[1]);
  expect(fields).toEqual(
    SCALARS.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
  );
});

/** Steps of the reference with zero-filled state vectors; returns the parameter after each. */
function follow(
  op: AnyOp,
  attrs: unknown,
  start: Float64Array,
  gradients: readonly Float64Array[],
  settings: Omit<StepSettings, 'step'>,
  states: readonly string[],
): Float64Array[] {
  const parameter = start.slice();
  const state = Object.fromEntries(states.map((name) => [name, new Float64Array(parameter.length)]));
  return gradients.map((g, t) => {
    const gradient = g.slice();
    const scalars = pack({ ...settings, step: t + 1 });
    op.reference({ parameter, ...state, gradient, scalars }, {}, attrs);
    expect(gradient.every((value) => value === 0)).toBe(true);
    return parameter.slice();
  });
}

const MOMENTS = ['m', 'v'];

describe('optimiser references', () => {
  it('adamw follows the three-step vector', () => {
    const gradients = [Float64Array.of(0.1, -0.2), Float64Array.of(0.3, 0.1), Float64Array.of(-0.05, 0.4)];
    const steps = follow(
      adamw,
      {},
      Float64Array.of(1, -2),
      gradients,
      { lr: 4e-3, weightDecay: 0.05 },
      MOMENTS,
    );
    expectGolden('step 1', steps[0], [0.9958000004, -1.9956000002]);
    expectGolden('step 2', steps[1], [0.9919297160881435, -1.994135532108707]);
    expectGolden('step 3', steps[2], [0.9893276768558483, -1.9955660320931923]);
  });

  const gradients = [1, 2, 3].map((phase) => wave([7], phase));
  it('adamw matches torch.optim.AdamW', () => {
    const steps = follow(adamw, {}, wave([7], 0.1), gradients, { lr: 4e-3, weightDecay: 0.05 }, MOMENTS);
    golden<number[][]>('adamw').forEach((want, i) => expectGolden(`step ${i + 1}`, steps[i], want));
  });
  it.each([
    ['sgd', false],
    ['sgdNesterov', true],
  ] as const)('%s matches torch.optim.SGD', (key, nesterov) => {
    const settings = { lr: 0.1, momentum: 0.9, weightDecay: 1e-2 };
    const steps = follow(sgdMomentum, { nesterov }, wave([7], 0.1), gradients, settings, ['buffer']);
    golden<number[][]>(key).forEach((want, i) => expectGolden(`step ${i + 1}`, steps[i], want));
  });
});

const SETTINGS: StepSettings = {
  lr: 0.01,
  step: 3,
  weightDecay: 0.05,
  momentum: 0.9,
  gradientScale: 0.5,
  emaDecay: 0.99,
};
const SKIPPED = pack(SETTINGS).map((value, i) => (SCALARS[i] === 'apply' ? 0 : value));
const LENGTHS = [1, 7, 1024, 5003];

/** Cases of a step over `vectors`, of which `positive` is made positive. */
function stepCases<A>(attrs: A, vectors: readonly string[], positive?: string) {
  return LENGTHS.flatMap((n) =>
    [pack(SETTINGS), SKIPPED].map((scalars) => {
      const inputs = Object.fromEntries(
        vectors.map((name) => [name, name === 'scalars' ? SCALARS_SPEC : f32(n)]),
      );
      const data: Record<string, Float64Array> = { ...dataOf({ inputs, attrs }, n), scalars };
      if (positive !== undefined) data[positive] = data[positive]!.map(Math.abs);
      return { inputs, attrs, data };
    }),
  );
}

const ADAMW = ['parameter', 'm', 'v', 'gradient', 'scalars'];
const SGD = ['parameter', 'buffer', 'gradient', 'scalars'];

testOp(adamw, [...stepCases({}, ADAMW, 'v'), ...stepCases({}, [...ADAMW, 'ema'], 'v')] as CaseOf<
  typeof adamw
>[]);
testOp(sgdMomentum, [
  ...stepCases({ nesterov: false }, SGD),
  ...stepCases({ nesterov: true }, SGD),
  ...stepCases({ nesterov: true }, [...SGD, 'ema']),
] as CaseOf<typeof sgdMomentum>[]);
testOp(
  ema,
  LENGTHS.map((n) => ({
    inputs: { ema: f32(n), parameter: f32(n), scalars: SCALARS_SPEC },
    attrs: {},
    data: { scalars: pack(SETTINGS) },
  })),
);
testOp(
  clipFactor,
  [
    [4, 0],
    [4, 10],
    [400, 2.5],
    [Infinity, 1],
    [NaN, 0],
  ].map(([squares, maxNorm]) => ({
    inputs: { squares: f32(1), scalars: SCALARS_SPEC },
    attrs: {},
    data: { squares: Float64Array.of(squares!), scalars: pack({ ...SETTINGS, maxNorm: maxNorm! }) },
  })),
);

describe('bias corrections after skipped steps', () => {
  const corrections = (scalars: ArrayLike<number>) =>
    (['stepSize', 'rootCorrection'] as const).map((name) => scalars[SCALARS.indexOf(name)] as number);

  it.each([
    [1, 1],
    [7, 2],
    [1000, 19],
    [99_990, 10],
  ])('after %i steps that were taken and %i that were not are those of the former', (taken, skipped) => {
    const scalars = pack({ ...SETTINGS, step: taken + skipped });
    clipFactor.reference(
      { squares: Float64Array.of(4), scalars, scaler: Float64Array.of(8, 0, 8, skipped) },
      { squares: f32(1), scalars: SCALARS_SPEC, scaler: f32(4) },
      {},
    );
    corrections(scalars).forEach((value, i) => {
      const exact = corrections(pack({ ...SETTINGS, step: taken }))[i]!;
      expect(Math.abs(value / exact - 1)).toBeLessThan(1e-6);
    });
  });
});

testOp(
  clipFactor,
  [
    [1, 1],
    [7, 2],
    [1000, 19],
    [99_990, 10],
  ].map(([taken, skipped]) => ({
    inputs: { squares: f32(1), scalars: SCALARS_SPEC, scaler: f32(4) },
    attrs: {},
    data: {
      squares: Float64Array.of(4),
      scalars: pack({ ...SETTINGS, step: taken! + skipped! }),
      scaler: Float64Array.of(8, 0, 8, skipped!),
    },
    worst: 1e-6,
  })),
);
