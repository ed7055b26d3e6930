import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CaseOf, compare, dataOf, randomData, testGradient, testOp } from './harness.ts';
import { layerNorm, layerNormGradient, layerNormStatistics } from '../../src/ops/layer-norm/op.ts';
import { layerNormReference } from '../../src/ops/layer-norm/reference.ts';
import type { LayerNormAttrs } from '../../src/ops/layer-norm/shape.ts';
import { f32 } from '../../src/ops/tensor.ts';

const FORMS = [
  { eps: 1e-6, from: 'nchw', to: 'rows' },
  { eps: 1e-6, from: 'nchw', to: 'nchw' },
  { eps: 1e-6, from: 'rows', to: 'rows' },
] as const satisfies readonly LayerNormAttrs[];

type Size = readonly [n: number, c: number, h: number, w: number];

function forward(attrs: LayerNormAttrs, [n, c, h, w]: Size) {
  const x = attrs.from === 'nchw' ? f32(n, c, h, w) : f32(n * h * w, c);
  return { inputs: { x, weight: f32(c), bias: f32(c) }, attrs };
}

/** The gradient op's case, with the statistics that belong to x. */
function backward(attrs: LayerNormAttrs, size: Size): CaseOf<typeof layerNormGradient> {
  const specs = forward(attrs, size).inputs;
  const { x, weight } = specs;
  const { y, statistics } = layerNorm.infer(specs, attrs);
  const inputs = { x, weight, statistics, dy: y };
  const data = dataOf({ inputs, attrs });
  const given = { x: data['x']!, weight: data['weight']!, bias: data['weight']! };
  const made = layerNorm.reference(given, specs, attrs);
  return { inputs, attrs, data: { statistics: made.statistics.map(Math.fround) } };
}

const SIZES: readonly Size[] = [
  [2, 37, 5, 7],
  [3, 44, 6, 6],
];

for (const attrs of FORMS) {
  testOp(
    layerNorm,
    SIZES.map((size) => forward(attrs, size)),
  );
  testOp(
    layerNormGradient,
    SIZES.map((size) => ({ ...backward(attrs, size), worst: 2e-4 })),
  );
  testGradient(layerNorm, [forward(attrs, [2, 5, 2, 3])]);
}

testOp(layerNormStatistics, layerNormStatistics.examples);

// A mean far from 0 is where E[x²] − mean² would lose every digit.
testOp(layerNorm, [
  {
    ...forward(FORMS[0], [2, 48, 2, 6]),
    data: { x: randomData([f32(2, 48, 2, 6)])[0]!.map((value) => Math.fround(value + 1000)) },
    nmse: 1e-7,
    worst: 1e-3,
  },
]);

describe('layer norm', () => {
  it('agrees with torch', () => {
    const golden = JSON.parse(
      readFileSync(new URL('../golden/ops/layer-norm.json', import.meta.url), 'utf8'),
    ) as Record<string, number[]>;
    const of = (name: string) => Float64Array.from(golden[name]!);
    const specs = { x: f32(3, 5), weight: f32(5), bias: f32(5), statistics: f32(6), dy: f32(3, 5) };
    const attrs = { eps: 1e-6, from: 'rows', to: 'rows' } as const;
    const [x, weight] = [of('x'), of('weight')];
    const { y, statistics } = layerNorm.reference({ x, weight, bias: of('bias') }, specs, attrs);
    compare('y', y, golden['y']!, 1e-24, 1e-12);
    const given = { x, weight, statistics, dy: of('dy') };
    const { dx, dweight, dbias } = layerNormGradient.reference(given, specs, attrs);
    compare('dx', dx, golden['dx']!, 1e-24, 1e-12);
    compare('dweight', dweight, golden['dweight']!, 1e-24, 1e-12);
    compare('dbias', dbias, golden['dbias']!, 1e-24, 1e-12);
  });

  it('normalises each position of a map over its channels', () => {
    const at = (row: number, channel: number) => channel * 2 + row;
    const x = Float64Array.of(1, 10, 3, 30);
    const given = { x, weight: Float64Array.of(1, 1), bias: Float64Array.of(0, 0) };
    const { y } = layerNormReference(given, { rows: 2, cols: 2 }, at, at, 0);
    expect([...y]).toEqual([-1, -1, 1, 1]);
  });

  it.each([
    [
      { x: f32(4, 3), weight: f32(3), bias: f32(3) },
      { eps: 1e-6, from: 'rows', to: 'nchw' } as const,
      'rows cannot become maps',
    ],
    [{ x: f32(4, 3), weight: f32(4), bias: f32(3) }, FORMS[2], 'weight is (4), expected (3)'],
    [{ x: f32(4, 3), weight: f32(3), bias: f32(3) }, FORMS[0], 'layout nchw'],
  ])('rejects %j', (inputs, attrs, message) => {
    expect(() => layerNorm.infer(inputs, attrs)).toThrow(message);
  });
});
