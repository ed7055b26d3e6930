import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { differentiate } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { Graph } from '../../src/graph/graph.ts';
import { type AnyName, type Named, type Op, mapNamed } from '../../src/ops/op.ts';
import { elems, f32 } from '../../src/ops/tensor.ts';

/** Numbers of PyTorch made by test/golden/ops/dense.py. */

const FILE = fileURLToPath(new URL('../golden/ops/dense.json', import.meta.url));

export function golden<T>(key: string): T {
  return (JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, T>)[key]!;
}

/** The data of dense.py: sin(0.7 i + phase), rounded to f32. */
export function wave(shape: readonly number[], phase: number): Float64Array {
  return Float64Array.from({ length: elems(shape) }, (_, i) => Math.fround(Math.sin(i * 0.7 + phase)));
}

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The first output of an op and the gradients of all inputs for the upstream gradient wave(0.4), by references and autodiff. */
export function runWithGradients<A, I extends string, O extends string>(
  op: Op<A, I, O>,
  given: Named<GoldenTensor, I>,
  attrs: A,
): {
  y: Float64Array;
  gradients: Record<string, Float64Array | undefined>;
  inputs: Record<string, Float64Array>;
} {
  const graph = new Graph();
  const data: Readonly<Record<string, GoldenTensor | undefined>> = given;
  const tensors = mapNamed(data, ({ shape }, name) => graph.input(name, f32(...shape)));
  const out = graph.one<unknown, AnyName, AnyName>(op, tensors, attrs);
  const seed = graph.input('the seed', out.spec);
  const options = { parameters: false, tensors: Object.values(tensors) };
  const found = differentiate(graph, out, seed, options);
  const values = new Map<number, Float64Array>(
    Object.entries(tensors).map(([name, { id }]) => [id, data[name]!.data.slice()]),
  );
  values.set(seed.id, wave(out.spec.shape, 0.4));
  interpret(graph.nodes, values);
  return {
    y: values.get(out.id)!,
    gradients: mapNamed(tensors, (_tensor, _name, i) => {
      const gradient = found.tensors[i];
      return gradient && values.get(gradient.id);
    }),
    inputs: mapNamed(tensors, ({ id }) => values.get(id)!),
  };
}

/** Goldens have nine decimals; f32 enters only through the data, which both sides round alike. */
export function expectGolden(
  what: string,
  got: ArrayLike<number> | undefined,
  want: readonly number[],
): void {
  expect(got?.length, what).toBe(want.length);
  want.forEach((value, i) => {
    expect(Math.abs((got as ArrayLike<number>)[i]! - value), `${what}[${i}]`).toBeLessThan(2e-7);
  });
}
