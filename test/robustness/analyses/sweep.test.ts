import { describe, expect, it } from 'vitest';
import { createModel } from '../../../src/models/registry.ts';
import { modelsOf } from '../../../src/cli/models-of.ts';
import { consistency, errorConsistency } from '../../../src/robustness/analyses/consistency.ts';
import { lesionUnits, subsets } from '../../../src/robustness/analyses/lesion.ts';
import { pointOf, sweepScoring } from '../../../src/robustness/analyses/sweep-scoring.ts';
import type { BenchmarkResult } from '../../../src/robustness/benchmarks/evaluation/result.ts';
import { packBits, unpackBits } from '../../../src/robustness/scoring/bits.ts';
import { Rng } from '../../../src/util/rng.ts';

describe('a point of a curve', () => {
  it('counts over repetitions and compares image by image', () => {
    const point = pointOf(0.5, ['1100', '1000'], '1110');
    expect(point).toMatchObject({ x: 0.5, y: 37.5, correct: 3, total: 8, min: 25, max: 50 });
    expect(point.change!.value).toBeCloseTo(-37.5, 12);
    expect(point.low).toBeLessThan(37.5);
    expect(point.high).toBeGreaterThan(37.5);
    expect(point.change!.low).toBeLessThan(-37.5);
  });

  it('of one repetition has Wilson’s interval, and Bonett and Price’s for the change', () => {
    const clean = '1'.repeat(60) + '0'.repeat(40);
    const bits = '1'.repeat(50) + '0'.repeat(45) + '1'.repeat(5);
    const point = pointOf(1, [bits], clean);
    // Wilson's formula, by hand
    expect(point.low).toBeCloseTo(45.2446, 3);
    expect(point.high).toBeCloseTo(64.3855, 3);
    // (6 − 11)/102 ± 1.96 √((17 − 25/102)/102²)
    expect(point.change!.value).toBe(-5);
    const [centre, half] = [-5 / 102, 1.959964 * Math.sqrt((17 / 102 - (5 / 102) ** 2) / 102)];
    expect(point.change!.low).toBeCloseTo(100 * (centre - half), 4);
    expect(point.change!.high).toBeCloseTo(100 * (centre + half), 4);
  });

  it('repeated without any difference is as uncertain as one', () => {
    const once = pointOf(0, ['1100'], '1100');
    const twice = pointOf(0, ['1100', '1100'], '1100');
    expect([twice.low, twice.high]).toEqual([expect.closeTo(once.low!, 10), expect.closeTo(once.high!, 10)]);
    expect(twice.change!.value).toBe(0);
  });

  it('is left out where other images could be read than unchanged, for images are compared one by one', () => {
    const part = (name: string, right: readonly boolean[]) => {
      const scorer = scoring.scorer({ classes: 2 } as never);
      const tally = scorer.begin(2);
      for (const isRight of right) scorer.score(tally, [Float32Array.of(isRight ? 1 : -1, 0)], 0);
      return { name, tally };
    };
    const scoring = sweepScoring({ plots: [], beginsClean: true });
    const parts = [
      part('clean', [true, true, false]),
      part('a/1', [true, false, false]),
      part('a/2', [true, false]),
    ];
    const { curves, absent } = scoring.summarise(parts, {} as never);
    expect(curves?.map(({ points }) => points.map(({ x, correct }) => [x, correct]))).toEqual([
      [
        [0, 2],
        [1, 1],
      ],
    ]);
    expect(absent).toMatchObject([{ id: 'a/2', why: '2 images were read there, 3 unchanged' }]);
  });

  it('bits are packed without loss', () => {
    const bits = '1011000111010000001';
    expect(unpackBits(packBits(bits), bits.length)).toBe(bits);
  });
});

describe('sets of blocks', () => {
  it('are all there are, where there are few, and otherwise as many different ones as asked for', () => {
    expect(subsets(4, 2, 10, new Rng(0, 'x'))).toEqual([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]); // prettier-ignore
    const drawn = subsets(18, 9, 10, new Rng(0, 'x'));
    expect(new Set(drawn.map(String)).size).toBe(10);
    expect(drawn.every((set) => set.length === 9 && set.every((v, i) => i === 0 || v > set[i - 1]!))).toBe(
      true,
    );
    expect(subsets(18, 9, 10, new Rng(0, 'x'))).toEqual(drawn);
    expect(subsets(5, 5, 10, new Rng(0, 'x'))).toEqual([[0, 1, 2, 3, 4]]);
  });

  it('of RepLKNet are pairs, 24 of them, or 48 halves; of ResNet-50 4 of 16 cannot be removed', () => {
    const replknet = createModel('replknet-31b');
    const pairs = lesionUnits(replknet, 'block');
    expect(pairs).toHaveLength(24);
    expect(pairs[2]!.blocks).toEqual(['stages.1.blocks.0', 'stages.1.blocks.1']);
    expect(pairs.filter(({ stage }) => stage === 2)).toHaveLength(18);
    expect(lesionUnits(replknet, 'half')).toHaveLength(48);
    const resnet = lesionUnits(createModel('resnet50'), 'block');
    expect([resnet.length, resnet.filter(({ removable }) => removable).length]).toEqual([16, 12]);
    expect(lesionUnits(createModel('convnext-t'), 'block')).toHaveLength(18);
    const vit = createModel('vit-b16');
    expect([lesionUnits(vit, 'block').length, lesionUnits(vit, 'half').length]).toEqual([12, 24]);
  });
});

describe('error consistency', () => {
  it('of models of one architecture is told by their checkpoints', () => {
    const made = ['runs/k3', 'runs/k7', 'runs/k13'].map((checkpoint) => ({
      checkpoint,
      result: {
        model: 'convnext-custom',
        protocol: { fileListSha256: 'a' },
        parts: [{ name: 'clean/0/0', items: 4, correct: packBits('1100') }],
      } as unknown as BenchmarkResult,
    }));
    const named = modelsOf(made).map(({ name, results: [result] }) => ({ name, result }));
    expect(errorConsistency(named).map(({ models }) => models.join(', '))).toEqual([
      'convnext-custom (runs/k3), convnext-custom (runs/k7)',
      'convnext-custom (runs/k3), convnext-custom (runs/k13)',
      'convnext-custom (runs/k7), convnext-custom (runs/k13)',
    ]);
  });

  it('is 1 for the same errors, 0 for chance, below 0 for fewer in common', () => {
    expect(consistency('1100', '1100')).toMatchObject({ images: 4, agreed: 4, kappa: 1 });
    expect(consistency('1100', '1010')!.kappa).toBeCloseTo(0, 12);
    expect(consistency('1100', '0011')!.kappa).toBeCloseTo(-1, 12);
    // (6/8 − 34/64)/(1 − 34/64)
    expect(consistency('11100101', '10101101')!.kappa).toBeCloseTo(0.4666666, 6);
    expect(consistency('111', '111')).toBeUndefined();
  });
});
