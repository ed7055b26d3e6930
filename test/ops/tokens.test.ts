import { describe, expect, it } from 'vitest';
import { testGradient, testOp } from './harness.ts';
import { firstToken, firstTokenGradient, tokens, tokensGradient } from '../../src/ops/tokens/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

/** Images, tokens, channels: DINO's 8×8 grid of a small image, one patch, one channel, more than one workgroup. */
const SIZES = [
  [3, 5, 37],
  [1, 2, 1],
  [2, 65, 64],
  [5, 3, 6],
] as const;

const inputsOf = (n: number, count: number, c: number) => ({
  patches: f32(n * (count - 1), c),
  cls: f32(1, 1, c),
  positions: f32(1, count, c),
});

testOp(
  tokens,
  SIZES.map(([n, count, c]) => ({ inputs: inputsOf(n, count, c), attrs: {} })),
);
testOp(
  tokensGradient,
  SIZES.map(([n, count, c]) => ({ inputs: { dy: f32(n * count, c) }, attrs: { tokens: count } })),
);
testOp(
  firstToken,
  SIZES.map(([n, count, c]) => ({ inputs: { x: f32(n * count, c) }, attrs: { tokens: count } })),
);
testOp(
  firstTokenGradient,
  SIZES.map(([n, count, c]) => ({ inputs: { dy: f32(n, c) }, attrs: { tokens: count } })),
);
testGradient(tokens, [{ inputs: inputsOf(2, 4, 3), attrs: {}, wrt: ['patches', 'cls', 'positions'] }]);
testGradient(firstToken, [{ inputs: { x: f32(8, 3) }, attrs: { tokens: 4 } }]);

describe('tokens', () => {
  it.each([
    [{ ...inputsOf(2, 4, 3), positions: f32(1, 5, 3) }, 'not the rows of images with 4 tokens'],
    [{ ...inputsOf(2, 4, 3), positions: f32(1, 4, 2) }, 'expected (1, 4, 3)'],
    [{ ...inputsOf(2, 4, 3), positions: f32(4, 3) }, 'expected (1, tokens, c)'],
    [{ ...inputsOf(2, 4, 3), cls: f32(3) }, 'expected (1, 1, 3)'],
  ])('rejects %j', (inputs, message) => {
    expect(() => tokens.infer(inputs, {})).toThrow(message);
  });

  it('rejects rows that are no whole images', () => {
    expect(() => firstToken.infer({ x: f32(9, 3) }, { tokens: 4 })).toThrow('images with 4 tokens');
  });
});
