import { expect, it } from 'vitest';
import { plotFigures } from '../../src/report/plots.ts';
import type { BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';

it('models of 12 and 24 blocks share one figure of lesions; other settings have their own', () => {
  const result = (blocks: number, settings: string) =>
    ({
      benchmark: 'lesion',
      name: 'Lesion',
      metrics: [],
      protocol: { parts: `clean 0; removed ${1 / blocks}`, settings },
      curves: [{ name: 'removed', plot: 'removed', points: [{ x: 1 / blocks, y: 50 }] }],
      report: { plots: [{ id: 'removed', title: 'Lesion', xLabel: 'share', yLabel: 'top-1, %' }] },
    }) as unknown as BenchmarkResult;
  const figures = plotFigures([
    { name: 'vit-b16', results: [result(12, 'samples 10')] },
    { name: 'replknet-31b', results: [result(24, 'samples 10')] },
    { name: 'resnet50', results: [result(16, 'samples 3')] },
  ]);
  expect(
    figures.map(({ svg }) => ['vit-b16', 'replknet-31b', 'resnet50'].filter((name) => svg.includes(name))),
  ).toEqual([['vit-b16', 'replknet-31b'], ['resnet50']]);
});
