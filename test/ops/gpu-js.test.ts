import { GPU, Input } from 'gpu.js';
import { describe, expect, it } from 'vitest';
import { EPS } from '../../bench/peers/cases.ts';
import {
  constantsOf,
  flatten,
  kernelsOf,
  shapesOf,
  type OpCase,
} from '../../bench/peers/peers/gpu-js-kernels.ts';
import { differentiate } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { depthwise, layerNorm, linear } from '../../src/nn/layers.ts';
import { Recording } from '../../src/nn/recording.ts';
import { attention } from '../../src/ops/attention/op.ts';
import { softmax } from '../../src/ops/softmax/op.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { Rng } from '../../src/util/rng.ts';

/**
 * References and gradient rules beside kernels that somebody would write with gpu.js, which knows nothing of ours. It runs on the CPU,
 * sums in float64 and gives float32.
 */

const gpu = new GPU({ mode: 'cpu' });

type Values = ReadonlyMap<string, Float64Array>;

/** Every result of a case, by name, from inputs by name. */
function byGpuJs(c: OpCase, inputs: Values): Values {
  const shapes = shapesOf(c);
  const given = new Map<string, unknown>(
    [...inputs].map(([name, data]) => [
      name,
      new Input(Float32Array.from(data) as never, shapes[name] as [number]),
    ]),
  );
  const results = new Map<string, Float64Array>();
  for (const { name, source, output, inputs: names } of kernelsOf(c)) {
    const kernel = gpu.createKernel(source as never, { output: [...output], constants: constantsOf(c) });
    const made = flatten(kernel(...(names.map((key) => given.get(key)) as never[])) as ArrayLike<unknown>);
    given.set(name, new Input(made as never, [...output] as [number]));
    results.set(name, Float64Array.from(made));
  }
  return results;
}

/** The same, recorded, differentiated and interpreted in float64. */
function byReference(
  inputs: Values,
  shape: readonly number[],
  record: (r: Recording, x: Tensor) => Tensor,
  parameters: Readonly<Record<string, string>>,
): Values {
  const graph = new Graph();
  const x = graph.input('x', f32(...shape));
  const y = record(new Recording(graph, { training: false }), x);
  const dy = graph.input('dy', y.spec);
  const gradients = differentiate(graph, y, dy, { tensors: [x] });
  const values = new Map([x, dy].map((tensor) => [tensor.id, inputs.get(tensor.name)!]));
  for (const [name, parameter] of graph.parameters) values.set(parameter.id, inputs.get(parameters[name]!)!);
  interpret(graph.nodes, values);
  const of = (tensor: Tensor | undefined) => values.get(tensor!.id)!;
  return new Map([
    ['y', of(y)],
    ['dx', of(gradients.tensors[0])],
    ...[...gradients.parameters].map(([name, tensor]): [string, Float64Array] => [
      `d${parameters[name]!}`,
      of(tensor),
    ]),
  ]);
}

/** Standard normal, in f32. */
function draw(c: OpCase): Values {
  return new Map(
    Object.entries(shapesOf(c)).map(([name, shape]) => {
      const rng = new Rng(0, name);
      const elems = shape.reduce((product, extent) => product * extent, 1);
      return [name, Float64Array.from({ length: elems }, () => Math.fround(rng.normal()))];
    }),
  );
}

function expectClose(found: Values, expected: Values): void {
  for (const [name, reference] of expected) {
    const other = found.get(name)!;
    const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect([name, other.length]).toEqual([name, reference.length]);
    reference.forEach((value, i) => {
      if (Math.abs(other[i]! - value) > 1e-6 * largest)
        expect(`${name}[${i}] ${other[i]}`).toBe(String(value));
    });
  }
}

describe('gpu.js agrees with the references and gradient rules', () => {
  it.each([
    [5, 3, 3],
    [9, 2, 7],
    [6, 3, 13],
    [14, 2, 31],
  ])('of depthwise convolution: maps of %d pixels, %d channels, kernel %d', (size, channels, kernel) => {
    const c = { op: 'depthwise', size, channels, kernel, gradients: true } as const;
    const inputs = draw(c);
    const found = byReference(
      inputs,
      [1, channels, size, size],
      (r, x) => depthwise(r, 'conv', x, [kernel, kernel], { bias: false }),
      { 'conv.weight': 'weight' },
    );
    expect([...found.keys()]).toEqual(['y', 'dx', 'dweight']);
    expectClose(byGpuJs(c, inputs), found);
  });

  it.each([
    [1, 1, 1],
    [7, 13, 5],
    [33, 17, 64],
  ])('of matmul: %d rows, %d to %d', (rows, from, to) => {
    const c = { op: 'linear', rows, from, to, gradients: true } as const;
    const inputs = draw(c);
    const found = byReference(inputs, [rows, from], (r, x) => linear(r, 'fc', x, to, { bias: false }), {
      'fc.weight': 'weight',
    });
    expectClose(byGpuJs(c, inputs), found);
  });

  it.each([
    [1, 1],
    [7, 33],
  ])('of softmax: %d rows of %d', (rows, cols) => {
    const c = { op: 'softmax', rows, cols, gradients: true } as const;
    const inputs = draw(c);
    const found = byReference(inputs, [rows, cols], (r, x) => r.graph.one(softmax, { x }, {}), {});
    expect([...found.keys()]).toEqual(['y', 'dx']);
    expectClose(byGpuJs(c, inputs), found);
  });

  it.each([
    [5, 3, 4],
    [13, 2, 5],
  ])('of attention: %d tokens, %d heads of %d', (tokens, heads, size) => {
    const c = { op: 'attention', tokens, heads, size, gradients: true } as const;
    const inputs = draw(c);
    const record = (r: Recording, qkv: Tensor) => r.graph.one(attention, { qkv }, { heads, tokens });
    const found = byReference(inputs, [tokens, 3 * heads * size], record, {});
    expect([...found.keys()]).toEqual(['y', 'dx']);
    expectClose(byGpuJs(c, inputs), found);
  });

  it.each([
    [1, 4],
    [9, 31],
    [20, 96],
  ])('of LayerNorm: %d rows of %d', (rows, cols) => {
    const c = { op: 'layer-norm', rows, cols, gradients: true } as const;
    const inputs = draw(c);
    const found = byReference(
      inputs,
      [rows, cols],
      (r, x) => layerNorm(r, 'norm', x, { eps: EPS, from: 'rows', to: 'rows' }),
      { 'norm.weight': 'weight', 'norm.bias': 'bias' },
    );
    expect([...found.keys()]).toEqual(['y', 'dx', 'dweight', 'dbias']);
    expectClose(byGpuJs(c, inputs), found);
  });
});
