import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { differentiate } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { Graph } from '../../src/graph/graph.ts';
import type { Op } from '../../src/ops/op.ts';
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

/** Output 0 of an op and the gradients of all inputs for the upstream gradient wave(0.4), by references and autodiff. */
export function runWithGradients<A>(
  op: Op<A>,
  tensors: readonly GoldenTensor[],
  attrs: A,
): { y: Float64Array; gradients: (Float64Array | undefined)[]; inputs: Float64Array[] } {
  const graph = new Graph();
  const inputs = tensors.map(({ shape }, i) => graph.input(`x${i}`, f32(...shape)));
  const [out] = graph.apply(op, inputs, attrs);
  const seed = graph.input('seed', out!.spec);
  const found = differentiate(graph, out!, seed, { parameters: false, tensors: inputs });
  const values = new Map<number, Float64Array>(
    inputs.map((tensor, i) => [tensor.id, tensors[i]!.data.slice()]),
  );
  values.set(seed.id, wave(out!.spec.shape, 0.4));
  interpret(graph.nodes, values);
  return {
    y: values.get(out!.id)!,
    gradients: found.tensors.map((tensor) => tensor && values.get(tensor.id)),
    inputs: inputs.map((tensor) => values.get(tensor.id)!),
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
