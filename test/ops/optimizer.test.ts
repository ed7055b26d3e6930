import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { expectGolden, golden, wave } from './dense-golden.ts';
import { randomData, testOp } from './harness.ts';
import type { Op } from '../../src/ops/op.ts';
import {
  SCALARS,
  SCALARS_SPEC,
  type StepSettings,
  adamw,
  adamwEma,
  clipFactor,
  ema,
  packScalars,
  sgdMomentum,
  sgdMomentumEma,
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

/** Steps of the reference with `vectors` zero-filled state vectors; returns the parameter after each. */
function follow<A>(
  op: Op<A>,
  attrs: A,
  start: Float64Array,
  gradients: readonly Float64Array[],
  settings: Omit<StepSettings, 'step'>,
  states: number,
): Float64Array[] {
  const p = start.slice();
  const state = Array.from({ length: states }, () => new Float64Array(p.length));
  return gradients.map((g, t) => {
    const gradient = g.slice();
    op.reference([p, ...state, gradient, pack({ ...settings, step: t + 1 })], [], attrs);
    expect(gradient.every((value) => value === 0)).toBe(true);
    return p.slice();
  });
}

describe('optimiser references', () => {
  it('adamw follows the three-step vector', () => {
    const gradients = [Float64Array.of(0.1, -0.2), Float64Array.of(0.3, 0.1), Float64Array.of(-0.05, 0.4)];
    const steps = follow(adamw, {}, Float64Array.of(1, -2), gradients, { lr: 4e-3, weightDecay: 0.05 }, 2);
    expectGolden('step 1', steps[0], [0.9958000004, -1.9956000002]);
    expectGolden('step 2', steps[1], [0.9919297160881435, -1.994135532108707]);
    expectGolden('step 3', steps[2], [0.9893276768558483, -1.9955660320931923]);
  });

  const gradients = [1, 2, 3].map((phase) => wave([7], phase));
  it('adamw matches torch.optim.AdamW', () => {
    const steps = follow(adamw, {}, wave([7], 0.1), gradients, { lr: 4e-3, weightDecay: 0.05 }, 2);
    golden<number[][]>('adamw').forEach((want, i) => expectGolden(`step ${i + 1}`, steps[i], want));
  });
  it.each([
    ['sgd', false],
    ['sgdNesterov', true],
  ] as const)('%s matches torch.optim.SGD', (key, nesterov) => {
    const settings = { lr: 0.1, momentum: 0.9, weightDecay: 1e-2 };
    const steps = follow(sgdMomentum, { nesterov }, wave([7], 0.1), gradients, settings, 1);
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

function vectors(n: number, count: number) {
  return Array.from({ length: count }, () => f32(n));
}

/** Cases of a step: `count` vectors before the scalars, of which `positive` is made positive, and perhaps an average after. */
function stepCases<A>(attrs: A, count: number, withEma: boolean, positive = -1) {
  return LENGTHS.flatMap((n) =>
    [pack(SETTINGS), SKIPPED].map((scalars) => {
      const inputs = [...vectors(n, count), SCALARS_SPEC, ...vectors(n, withEma ? 1 : 0)];
      const random = randomData(inputs, n);
      const data = random.map((values, i) =>
        i === positive ? values.map(Math.abs) : i === count ? scalars : values,
      );
      return { inputs, attrs, data };
    }),
  );
}

testOp(adamw, stepCases({}, 4, false, 2));
testOp(adamwEma, stepCases({}, 4, true, 2));
testOp(sgdMomentum, [
  ...stepCases({ nesterov: false }, 3, false),
  ...stepCases({ nesterov: true }, 3, false),
]);
testOp(sgdMomentumEma, stepCases({ nesterov: true }, 3, true));
testOp(
  ema,
  LENGTHS.map((n) => ({
    inputs: [f32(n), f32(n), SCALARS_SPEC],
    attrs: {},
    data: [undefined, undefined, pack(SETTINGS)],
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
    inputs: [f32(1), SCALARS_SPEC],
    attrs: {},
    data: [Float64Array.of(squares!), pack({ ...SETTINGS, maxNorm: maxNorm! })],
  })),
);
