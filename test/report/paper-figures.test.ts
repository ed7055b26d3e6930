import { describe, expect, it } from 'vitest';
import type { ReportModel } from '../../src/report/columns.ts';
import { standaloneFigures } from '../../src/report/figure-files.ts';
import { reportHtml } from '../../src/report/html.ts';
import { paperFigures } from '../../src/report/paper-figures.ts';
import { findBenchmark } from '../../src/robustness/benchmarks/records.ts';
import type { BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import type { Metric } from '../../src/robustness/scoring/metric.ts';
import { attackPlot } from '../../src/robustness/attacks/attack-scoring.ts';
import type { CurvePoint } from '../../src/robustness/scoring/curve.ts';

const metric = (id: string, value: number, protocol: string): Metric => ({
  id,
  label: id,
  protocol,
  value,
  low: value - 1,
  high: value + 1,
  unit: '%',
  better: 'higher',
});

function result(benchmark: string, more: Partial<BenchmarkResult>, settings?: string): BenchmarkResult {
  const isAttack = benchmark.startsWith('attack-');
  return {
    benchmark,
    name: isAttack ? benchmark : findBenchmark(benchmark).name,
    model: 'm',
    modelFingerprint: 'f',
    classes: 1000,
    protocol: {
      dataOrigin: 'release',
      preprocessing: '',
      normalization: '',
      subset: 'all',
      imageSize: 224,
      weights: 'file',
      parts: 'all',
      difficulty: 1,
      normaliser: 'AlexNet',
      classListSha256: 'a',
      fileListSha256: 'b',
      ...(settings === undefined ? {} : { settings }),
    },
    complete: true,
    problems: [],
    items: { asked: 10, scored: 10, unreadable: 0 },
    metrics: [],
    absent: [],
    rows: [],
    parts: [],
    perClass: {},
    report: isAttack
      ? { figures: [], plots: [attackPlot('PGD', 'linf', 'pixel')] }
      : findBenchmark(benchmark).scoring.report,
    isClean: benchmark === 'val',
    ...more,
  };
}

const curve = (...points: [x: number, y: number][]) => ({
  curves: [
    {
      name: 'accuracy',
      plot: 'eps',
      points: points.map(([x, y]): CurvePoint => ({ x, y, low: y - 1, high: y + 1, total: 50_000 })),
    },
  ],
});

const pgd = (steps: number, y: number) =>
  result(
    'attack-pgd',
    curve([0, 85], [0.002, y + 9], [0.006, y]),
    `steps ${steps}, stepSize auto, ε in pixels of [0, 1]`,
  );

const models: ReportModel[] = [
  {
    name: 'ours <a>',
    paperName: 'RepLKNet-31B',
    results: [
      result('val', { metrics: [metric('top1', 83.5, 'full1000')], parameters: 79_864_168 }),
      result('a', { metrics: [metric('top1', 30.1, 'full1000'), metric('top1', 55, 'masked200')] }),
      result('r', { metrics: [metric('top1', 44.2, 'full1000')] }),
      result('o', { metrics: [metric('aupr', 70, 'softmax over 200')] }),
      result('attack-fgsm', curve([0, 85], [0.1, 50], [0.3, 34]), 'ε in pixels of [0, 1]'),
      pgd(5, 40),
      pgd(1, 60),
    ],
  },
  {
    name: 'other',
    results: [
      result('val', { metrics: [metric('top1', 79, 'full1000')], parameters: 28_589_128 }),
      pgd(5, 20),
    ],
  },
];

describe('figures of the paper', () => {
  const figures = paperFigures(models);
  const of = (id: string) => figures.find((figure) => figure.id === id)!;

  it('are 1, 2a, 2c, 3 and 6, each from the results that there are', () => {
    expect(figures.map(({ id }) => id)).toEqual([
      'figure-1',
      'figure-2a',
      'figure-2c',
      'figure-3',
      'figure-6a',
      'figure-6b',
      'figure-6b',
      'figure-6c-0.002',
      'figure-6c-0.006',
    ]);
    expect(paperFigures([{ name: 'none', results: [] }])).toEqual([]);
  });

  it('put published values of the same protocol beside ours', () => {
    // Seven models of Table 6 with the sizes of the registry: RepLKNet-31B's ring lies where our point does.
    const { svg } = of('figure-1');
    expect(svg.match(/class="ring"/g)).toHaveLength(7);
    const ring = /<circle class="ring" cx="([\d.]+)"/g;
    const dot = /<circle class="dot" cx="([\d.]+)"/.exec(svg)![1];
    expect([...svg.matchAll(ring)].map(([, cx]) => cx)).toContain(dot);
    // The values of Tables 5 and 6 for the arg-max over all classes, not the restricted one.
    expect(of('figure-2a').svg).toMatch(/RepLKNet-31B, published.*29\.4/);
    expect(of('figure-2a').svg).not.toContain('55.0');
    expect(of('figure-2c').svg).toMatch(/ViT-B, published.*68\.0/);
    expect(of('figure-3').svg).toMatch(/RepLKNet-3B, published.*32\.9/);
    expect(of('figure-6a').svg).toContain('published: 35.7');
    expect(of('figure-6a').caption).toContain('RepLKNet-31B 35.7');
  });

  it('never put published values of a whole release beside a part of one', () => {
    const part = models.map((model) => ({
      ...model,
      results: model.results.map((each) => ({
        ...each,
        protocol: { ...each.protocol, subset: '10 images' },
        curves: (each.curves ?? []).map((one) => ({
          ...one,
          points: one.points.map((point) => ({ ...point, total: 10 })),
        })),
      })),
    }));
    for (const { svg, id } of paperFigures(part)) expect(svg, id).not.toMatch(/outline|class="ring"/);
  });

  it('never put them beside models of other classes', () => {
    const small = models.map((model) => ({
      ...model,
      results: model.results.map((each) => ({ ...each, classes: 10 })),
    }));
    const six = paperFigures(small).filter(({ id }) => id.startsWith('figure-6'));
    expect(six).toHaveLength(5);
    for (const { svg, caption } of six) {
      expect(svg).not.toContain('class="ring"');
      expect(caption).toMatch(/Bands are 95 % intervals\.$/);
    }
  });

  it('6b is of several ε: one ε alone is a point of 6c and no curve', () => {
    const at = (steps: number) => result('attack-pgd', curve([0, 85], [0.006, 30 + steps]), `steps ${steps}, ε in pixels of [0, 1]`); // prettier-ignore
    expect(paperFigures([{ name: 'm', results: [at(1), at(5)] }]).map(({ id }) => id)).toEqual([
      'figure-6c-0.006',
    ]);
  });

  it('6c joins runs of PGD that differ in steps alone, in the order of steps', () => {
    const { svg } = of('figure-6c-0.006');
    const lines = [...svg.matchAll(/<path class="line" d="(M[^"]*L[^"]*)"/g)].map(([, d]) => d!);
    // One line has both numbers of steps, from 60 % down to 40 %.
    const [from, to] = lines[0]!
      .slice(1)
      .split('L')
      .map((p) => p.split(' ').map(Number)) as [number[], number[]];
    expect(from[0]!).toBeLessThan(to[0]!);
    expect(from[1]!).toBeLessThan(to[1]!);
  });

  it('6c joins runs over other ε at those that all have; a model has one line in 6b, through all of its ε', () => {
    const at = (steps: number, parts: string, ...points: [number, number][]) => {
      const settings = `steps ${steps}, ε in pixels of [0, 1]`;
      const made = result('attack-pgd', curve([0, 85], ...points), settings);
      return { ...made, protocol: { ...made.protocol, parts } };
    };
    const results = [
      at(5, 'two', [0.002, 60], [0.006, 40]),
      at(5, 'others', [0.004, 50], [0.006, 40], [0.008, 30]),
      at(1, 'one', [0.006, 70]),
    ];
    const [eps, steps, ...more] = paperFigures([{ name: 'm', results }]);
    expect([eps?.id, steps?.id, more]).toEqual(['figure-6b', 'figure-6c-0.006', []]);
    const points = (svg = '') => /<path class="line" d="M([^"]*)"/.exec(svg)![1]!.split('L').length;
    expect([points(eps?.svg), points(steps?.svg)]).toEqual([5, 2]);
  });

  it('show each result once: what is in them is not among main numbers and analyses too', () => {
    const page = reportHtml({ title: 't', models });
    const headings = [...page.matchAll(/<h3>([^<]*)<\/h3>/g)].map(([, text]) => text);
    expect(headings).toContain('Figure 6b: top-1 under PGD by ε');
    expect(headings).toContain('Figure 3: ImageNet-R top1');
    expect(headings).not.toContain('Accuracy under PGD');
    expect(headings).not.toContain('ImageNet-R: top1');
    // The other scoring of ImageNet-A is in no figure of the paper; nor is FGSM at one ε.
    expect(headings.filter((text) => text === 'ImageNet-A: top1')).toHaveLength(1);
    const one = result('attack-fgsm', curve([0, 85], [0.1, 50]), 'ε in pixels of [0, 1]');
    const names = standaloneFigures([{ name: 'm', results: [one] }]).map(([name]) => name);
    expect(names).toEqual(['attack-fgsm-eps.svg']);
  });

  it('are of runs whose tables are told apart by the settings that differ', () => {
    const own = (steps: number) => ({ ...pgd(steps, 40), metrics: [metric('top1', 85, 'full1000')] });
    const page = reportHtml({ title: 't', models: [{ name: 'm', results: [own(1), own(5)] }] });
    const notes = [...page.matchAll(/<p class="note">([^<]*)<\/p>/g)].map(([, text]) => text);
    expect(notes).toEqual(expect.arrayContaining(['steps 1', 'steps 5']));
  });

  it('are in the page and as files, names escaped and apart', () => {
    const page = reportHtml({ title: 't', models });
    expect(page).toContain('<h2>Figures of the paper</h2>');
    expect(page).not.toContain('ours <a>');
    const files = standaloneFigures(models);
    expect(new Set(files.map(([name]) => name)).size).toBe(files.length);
    expect(files.map(([name]) => name)).toContain('figure-6b-2.svg');
    for (const [, svg] of files) expect(svg).toMatch(/^<svg xmlns[^>]*width="\d+"/);
  });
});
