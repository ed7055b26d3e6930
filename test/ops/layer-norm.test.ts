import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compare, randomData, testGradient, testOp, type OpCase } from './harness.ts';
import { layerNorm, layerNormGradient, layerNormStatistics } from '../../src/ops/layer-norm/op.ts';
import { layerNormReference } from '../../src/ops/layer-norm/reference.ts';
import type { LayerNormAttrs } from '../../src/ops/layer-norm/shape.ts';
import { type TensorSpec, f32 } from '../../src/ops/tensor.ts';

const FORMS = [
  { eps: 1e-6, from: 'nchw', to: 'rows' },
  { eps: 1e-6, from: 'nchw', to: 'nchw' },
  { eps: 1e-6, from: 'rows', to: 'rows' },
] as const satisfies readonly LayerNormAttrs[];

const forward = (
  attrs: LayerNormAttrs,
  n: number,
  c: number,
  h: number,
  w: number,
): OpCase<LayerNormAttrs> => ({
  inputs: [attrs.from === 'nchw' ? f32(n, c, h, w) : f32(n * h * w, c), f32(c), f32(c)],
  attrs,
});

/** The gradient op's case, with the statistics that belong to x. */
function backward(attrs: LayerNormAttrs, n: number, c: number, h: number, w: number): OpCase<LayerNormAttrs> {
  const { inputs } = forward(attrs, n, c, h, w);
  const specs = [
    ...inputs.slice(0, 2),
    ...layerNorm.infer(inputs, attrs).slice(1),
    layerNorm.infer(inputs, attrs)[0],
  ];
  const data = randomData(specs as TensorSpec[]);
  const [, statistics] = layerNorm.reference([data[0]!, data[1]!, data[1]!], inputs, attrs);
  return {
    inputs: specs as TensorSpec[],
    attrs,
    data: [undefined, undefined, statistics!.map(Math.fround)],
  };
}

const SIZES: readonly (readonly [number, number, number, number])[] = [
  [2, 37, 5, 7],
  [3, 44, 6, 6],
];

for (const attrs of FORMS) {
  testOp(
    layerNorm,
    SIZES.map((size) => forward(attrs, ...size)),
  );
  testOp(
    layerNormGradient,
    SIZES.map((size) => ({ ...backward(attrs, ...size), worst: 2e-4 })),
  );
  testGradient(layerNorm, [forward(attrs, 2, 5, 2, 3)]);
}

testOp(layerNormStatistics, layerNormStatistics.examples);

// A mean far from 0 is where E[x²] − mean² would lose every digit.
testOp(layerNorm, [
  {
    ...forward(FORMS[0], 2, 48, 2, 6),
    data: [randomData([f32(2, 48, 2, 6)])[0]!.map((value) => Math.fround(value + 1000))],
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
    const inputs = [f32(3, 5), f32(5), f32(5)];
    const attrs = { eps: 1e-6, from: 'rows', to: 'rows' } as const;
    const [y, statistics] = layerNorm.reference([of('x'), of('weight'), of('bias')], inputs, attrs);
    compare('y', y!, golden['y']!, 1e-24, 1e-12);
    const [dx, dweight, dbias] = layerNormGradient.reference(
      [of('x'), of('weight'), statistics!, of('dy')],
      [f32(3, 5), f32(5), f32(6), f32(3, 5)],
      attrs,
    );
    compare('dx', dx!, golden['dx']!, 1e-24, 1e-12);
    compare('dweight', dweight!, golden['dweight']!, 1e-24, 1e-12);
    compare('dbias', dbias!, golden['dbias']!, 1e-24, 1e-12);
  });

  it('normalises each position of a map over its channels', () => {
    const at = (row: number, channel: number) => channel * 2 + row;
    const [y] = layerNormReference(
      [Float64Array.of(1, 10, 3, 30), Float64Array.of(1, 1), Float64Array.of(0, 0)],
      { rows: 2, cols: 2 },
      at,
      at,
      0,
    );
    expect([...y]).toEqual([-1, -1, 1, 1]);
  });

  it.each([
    [
      [f32(4, 3), f32(3), f32(3)],
      { eps: 1e-6, from: 'rows', to: 'nchw' } as const,
      'rows cannot become maps',
    ],
    [[f32(4, 3), f32(4), f32(3)], FORMS[2], 'weight and bias must be (3)'],
    [[f32(4, 3), f32(3), f32(3)], FORMS[0], 'layout nchw'],
  ])('rejects %j', (inputs, attrs, message) => {
    expect(() => layerNorm.infer(inputs, attrs)).toThrow(message);
  });
});
