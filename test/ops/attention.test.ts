import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CaseOf, compare, dataOf, testGradient, testKernels, testOp } from './harness.ts';
import {
  type AttentionVariant,
  attentionGradientKernels,
  attentionKernels,
} from '../../src/ops/attention/kernels.ts';
import { attention, attentionGradient, attentionProbabilities } from '../../src/ops/attention/op.ts';
import { type AnyKernels, contextOf } from '../../src/ops/kernels.ts';
import { DEFAULT_LIMITS, profileOf } from '../../src/device/profile.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';
import { type DType, f32 } from '../../src/ops/tensor.ts';

type Size = readonly [batch: number, tokens: number, heads: number, size: number];

function forward([batch, tokens, heads, size]: Size, dtype: DType = 'f32') {
  const qkv = { ...f32(batch * tokens, 3 * heads * size), dtype };
  return { inputs: { qkv }, attrs: { heads, tokens } };
}

/** The gradient op's case, with y and logsumexp that belong to qkv. */
function backward(size: Size, dtype?: DType): CaseOf<typeof attentionGradient> {
  const { inputs, attrs } = forward(size, dtype);
  const { y, logsumexp } = attention.infer(inputs, attrs);
  const all = { inputs: { ...inputs, y, logsumexp, dy: y }, attrs };
  const made = attention.reference({ qkv: dataOf(all)['qkv']! }, inputs, attrs);
  return { ...all, data: { y: made.y.map(Math.fround), logsumexp: made.logsumexp.map(Math.fround) } };
}

function probabilities(size: Size, queries: 'first' | 'all'): CaseOf<typeof attentionProbabilities> {
  const { inputs, attrs } = forward(size);
  const { logsumexp } = attention.infer(inputs, attrs);
  const all = { inputs: { ...inputs, logsumexp }, attrs: { ...attrs, queries } };
  const made = attention.reference({ qkv: dataOf(all)['qkv']! }, inputs, attrs);
  return { ...all, data: { logsumexp: made.logsumexp.map(Math.fround) } };
}

testOp(attention, [
  forward([2, 5, 3, 64]),
  forward([1, 65, 2, 32]),
  forward([1, 785, 1, 4]),
  forward([3, 9, 2, 5]),
  forward([1, 1, 1, 48]),
]);
testOp(attentionGradient, [
  backward([2, 5, 3, 64]),
  backward([1, 65, 2, 16]),
  backward([1, 577, 1, 4]),
  backward([3, 9, 2, 5]),
]);
testOp(attentionProbabilities, [probabilities([2, 65, 2, 16], 'first'), probabilities([1, 9, 3, 5], 'all')]);
testGradient(attention, [forward([2, 5, 2, 3])]);

// The kernels of GPUs run on any adapter.
const only = (kernels: AnyKernels, variant: AttentionVariant): AnyKernels => ({
  ...kernels,
  variants: () => [variant],
});
const TILES = [
  [{ kind: 'tile', owned: 4, split: 4 }, 16],
  [{ kind: 'tile', owned: 2, split: 2 }, 24],
  [{ kind: 'tile', owned: 1, split: 4 }, 32],
  [{ kind: 'tile', owned: 1, split: 1 }, 5],
] as const;
for (const [tile, size] of TILES) {
  testKernels(only(attentionKernels, tile), [forward([1, 71, 2, size])]);
  testKernels(only(attentionGradientKernels, tile), [backward([1, 71, 2, size])]);
}

describe('attention', () => {
  it('gives lanes of GPUs fewer tokens where a large card would be empty', () => {
    const profile = profileOf('gpu', DEFAULT_LIMITS, ['subgroups']);
    const first = (size: Size) => {
      const { inputs, attrs } = forward(size);
      const outputs = attention.infer(inputs, attrs);
      const context = contextOf({ inputs, attrs, outputs }, profile);
      return kernelsOf(attention).variants(context)[0];
    };
    expect(first([64, 197, 12, 64])).toEqual({ kind: 'tile', owned: 4, split: 4 });
    expect(first([8, 197, 12, 64])).toEqual({ kind: 'tile', owned: 2, split: 4 });
    expect(first([2, 197, 12, 64])).toEqual({ kind: 'tile', owned: 1, split: 4 });
  });

  it('agrees with torch', () => {
    const file = new URL('../golden/ops/attention.json', import.meta.url);
    const golden = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number[]>;
    const of = (name: string) => Float64Array.from(golden[name]!);
    const { inputs, attrs } = forward([2, 5, 2, 3]);
    const { y, logsumexp } = attention.infer(inputs, attrs);
    const made = attention.reference({ qkv: of('qkv') }, inputs, attrs);
    compare('y', made.y, golden['y']!, 1e-24, 1e-12);
    compare('logsumexp', made.logsumexp, golden['logsumexp']!, 1e-24, 1e-12);
    const data = { ...made, qkv: of('qkv'), dy: of('dy') };
    const { dqkv } = attentionGradient.reference(data, { ...inputs, y, logsumexp, dy: y }, attrs);
    compare('dqkv', dqkv, golden['dqkv']!, 1e-24, 1e-12);
    const all = { ...attrs, queries: 'all' } as const;
    const { probabilities } = attentionProbabilities.reference(data, { ...inputs, logsumexp }, all);
    compare('probabilities', probabilities, golden['probabilities']!, 1e-24, 1e-12);
  });

  it('is the mean of v where all keys are the same', () => {
    // Two tokens of one head of two columns: q, k, v.
    const qkv = Float64Array.of(3, -4, 1, 1, 10, 20, 5, 6, 1, 1, 30, 60);
    const { y, logsumexp } = attention.reference({ qkv }, { qkv: f32(2, 6) }, { heads: 1, tokens: 2 });
    expect([...y]).toEqual([20, 40, 20, 40]);
    expect(logsumexp[0]).toBeCloseTo(-1 / Math.SQRT2 + Math.log(2), 14);
  });

  it.each([
    [f32(10, 24), { heads: 3, tokens: 5 }, 'qkv is (10, 24), expected rows of 3·3 heads of one size'],
    [f32(10, 18), { heads: 3, tokens: 4 }, 'qkv is (10, 18), expected rows of whole images of 4 tokens'],
  ])('rejects %j', (qkv, attrs, message) => {
    expect(() => attention.infer({ qkv }, attrs)).toThrow(message);
  });
});
