import { expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { Graph } from '../../src/graph/graph.ts';
import { add } from '../../src/ops/add/op.ts';
import type { Named } from '../../src/ops/op.ts';
import { type Tensor, f32 } from '../../src/ops/tensor.ts';

testOp(add, [
  { inputs: { a: f32(1), b: f32(1) }, attrs: {} },
  { inputs: { a: f32(3, 257), b: f32(3, 257) }, attrs: {} },
  { inputs: { a: f32(3, 260), b: f32(3, 260) }, attrs: {} },
]);
testGradient(add, [{ inputs: { a: f32(5, 7), b: f32(5, 7) }, attrs: {} }]);

it('names operands of different sizes', () => {
  expect(() => add.infer({ a: f32(2, 3), b: f32(7) }, {})).toThrow('a (2, 3) and b (7) differ in size');
});

it('is recorded with the operands that it takes, no fewer and no others', () => {
  const graph = new Graph();
  const [a, b] = [graph.input('a', f32(3)), graph.input('b', f32(3))];
  const record = (inputs: Record<string, Tensor>) => graph.one(add, inputs as Named<Tensor, 'a' | 'b'>, {});
  expect(() => record({ a })).toThrow('add takes a, b, got a.');
  expect(() => record({ a, b, c: b })).toThrow('add takes a, b, got a, b, c.');
  record({ b, a });
  expect(Object.keys(graph.nodes[0]!.inputs)).toEqual(['a', 'b']);
});
