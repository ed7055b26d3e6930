import { describe, expect, it } from 'vitest';
import type { ReportModel } from '../../src/report/columns.ts';
import { columnsOf, formatDifference, formatMetric } from '../../src/report/columns.ts';
import { corruptionExamples } from '../../src/report/examples.ts';
import { overviewFigure, severityFigures } from '../../src/report/figures.ts';
import { reportHtml } from '../../src/report/html.ts';
import { barChart, lineChart, niceTicks, standaloneSvg } from '../../src/report/svg.ts';
import {
  csvTable,
  markdownTable,
  resultsCsv,
  resultsMarkdown,
  severityMarkdown,
} from '../../src/report/tables.ts';
import { findBenchmark } from '../../src/robustness/benchmarks/records.ts';
import type { BenchmarkResult, Metric } from '../../src/robustness/benchmarks/result.ts';
import { synth } from '../robustness/corruptions/portable.ts';

const percent = (id: string, value: number, protocol: string): Metric => ({
  id,
  label: id,
  protocol,
  value,
  low: value - 1,
  high: value + 1,
  unit: '%',
  better: 'higher',
});

function result(
  id: string,
  metrics: Metric[],
  more: Partial<BenchmarkResult> = {},
  origin = 'release',
): BenchmarkResult {
  return {
    format: 1,
    benchmark: id,
    name: findBenchmark(id).name,
    model: 'm',
    modelFingerprint: 'f',
    classes: 1000,
    protocol: {
      dataOrigin: origin,
      preprocessing: 'short side 256 bicubic, centre crop 224',
      normalization: 'mean 0 0 0, std 1 1 1',
      subset: 'all',
      difficulty: 1,
      classListSha256: 'a',
      fileListSha256: 'b',
    },
    complete: true,
    problems: [],
    items: { asked: 10, scored: 10, unreadable: 0 },
    metrics,
    parts: [],
    perClass: {},
    ...more,
  };
}

const masked = percent('top1', 40, 'masked200');
const full = percent('top1', 30.9, 'full1000');
const curves = [0, 1, 2, 3, 4, 5].map((severity) => ({
  name: severity === 0 ? 'clean/0' : `fog/${severity}`,
  items: 10,
  failures: [],
  metrics: [percent('top1', 80 - 10 * severity, 'full1000')],
}));
const models: ReportModel[] = [
  {
    name: 'ours <31>',
    paperName: 'RepLKNet-31B',
    results: [
      result('a', [masked, full]),
      result('c', [], { parts: curves }),
      result('o', [percent('aupr', 70, 'softmax over 200')]),
    ],
  },
  {
    name: 'other',
    results: [
      result('a', [full], {
        complete: false,
        problems: [{ kind: 'unreadable', part: 'all', what: 'x.jpg: broken', count: 1 }],
      }),
      result('a', [full], {}, 'generated (seed 0)'),
    ],
  },
];

describe('columns', () => {
  it('never hold two protocols or two origins', () => {
    const columns = columnsOf(models).filter(({ benchmark }) => benchmark === 'a');
    expect(columns.map(({ protocol, cells }) => [protocol, cells.length])).toEqual([
      ['masked200', 1],
      ['full1000', 2],
      ['full1000, generated (seed 0)', 1],
    ]);
  });

  it('compare with the paper only under the same protocol, and only a whole release', () => {
    const [first, second, third] = columnsOf(models).filter(({ benchmark }) => benchmark === 'a');
    expect(first!.cells[0]!.reference).toBeUndefined();
    const { reference, metric } = second!.cells[0]!;
    expect(reference).toMatchObject({ value: 29.4, source: 'Chen et al., ICML 2024, Table 5' });
    expect(formatDifference(metric, reference!)).toBe('+1.5');
    expect(third!.cells[0]!.reference).toBeUndefined();
    expect(formatMetric(masked)).toBe('40.0 ± 1.0');
    expect(formatMetric({ ...masked, value: 0, low: 0, high: 16.13 })).toBe('0.0 (0.0–16.1)');
    expect(formatMetric({ ...masked, value: 100, low: 99.91, high: 100 })).toBe('100.0 ± 0.0');
    expect(
      formatMetric({ id: 'x', label: 'x', protocol: '', value: -2.345, unit: 'points', better: 'lower' }),
    ).toBe('−2.3');
  });
});

describe('tables', () => {
  it('list every corruption by severity, 0 being the clean images', () => {
    const table = severityMarkdown(models);
    expect(table).toMatch(/^## ImageNet-C of ours <31>: top-1 in % by severity$/m);
    expect(table).toMatch(/^\| corruption \| 0 \| 1 \| 2 \| 3 \| 4 \| 5 \|$/m);
    expect(table).toMatch(/^\| fog \| 80\.0 \| 70\.0 \| 60\.0 \| 50\.0 \| 40\.0 \| 30\.0 \|$/m);
  });

  it('say once what all numbers of a benchmark share, and keep data sets apart that share a protocol', () => {
    const origin = 'generated (seed 0)';
    const metrics = [percent('top1', 40, `full10, ${origin}`), percent('top5', 80, `full10, ${origin}`)];
    const named = (name: string) => result('c', metrics, { name }, origin);
    const text = resultsMarkdown([{ name: 'm', results: [named('CIFAR-10-C'), named('CIFAR-100-C')] }]);
    expect(text.match(/generated \(seed 0\)/gi)).toHaveLength(2);
    expect(text).toMatch(
      /## CIFAR-10-C\n\nGenerated \(seed 0\)\.\n\n\| model \| .*\(full10\) \| .*\(full10\) \|/,
    );
    expect(text).toMatch(/## CIFAR-100-C\n/);
  });

  it('markdown escapes pipes; csv quotes commas, quotes and line ends', () => {
    expect(markdownTable(['a', 'b'], [['x|y', '1']])).toBe('| a | b |\n| --- | ---: |\n| x\\|y | 1 |\n');
    expect(csvTable(['a', 'b'], [['x,y', 1], ['say "no"', '']])).toBe('a,b\r\n"x,y",1\r\n"say ""no""",\r\n'); // prettier-ignore
  });

  it('hold values, intervals, published numbers and the mark of incomplete evaluations', () => {
    const markdown = resultsMarkdown(models);
    expect(markdown).toContain('30.9 ± 1.0 [published 29.4, +1.5]');
    expect(markdown).toContain('30.9 ± 1.0 (incomplete)');
    const rows = resultsCsv(models).trim().split('\r\n');
    expect(rows).toHaveLength(1 + 5);
    expect(rows[2]).toBe(
      'ImageNet-A,top1,full1000,ours <31>,30.9,29.9,31.9,%,higher,true,29.4,1.5,"Chen et al., ICML 2024, Table 5"',
    );
  });
});

/** Every element is closed in order: what an XML parser checks first. */
function unbalanced(xml: string): string[] {
  const stack: string[] = [];
  for (const [, close, name, self] of xml.matchAll(/<(\/?)([a-zA-Z][\w-]*)[^>]*?(\/?)>/g)) {
    if (self) continue;
    if (!close) stack.push(name!);
    else if (stack.pop() !== name) return [`</${name}>`];
  }
  return stack;
}

describe('figures', () => {
  it('ticks are round and cover the range', () => {
    expect(niceTicks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(niceTicks(0, 0.7)).toEqual([0, 0.2, 0.4, 0.6]);
    expect(niceTicks(-3, 12, 4)).toEqual([0, 5, 10]);
  });

  it('bars stand at the height of their values, with whiskers and gaps', () => {
    const svg = barChart({
      title: 'a < b',
      yLabel: '%',
      yMax: 100,
      series: ['x', 'y'],
      groups: [{ label: 'A', bars: [{ value: 50, low: 40, high: 60 }, undefined] }],
    });
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toContain('a &#60; b');
    expect(svg.match(/<rect/g)).toHaveLength(1);
    // Plot of 204 px from y = 26: the value 50 starts at half of it.
    expect(svg).toMatch(/<rect[^>]*y="128.0"[^>]*height="102.0"/);
    expect(svg).toMatch(/class="whisker"[^>]*y1="148.4" y2="107.6"/);
    expect(standaloneSvg(svg)).toContain('<style>');
  });

  it('lines join the points of each series', () => {
    const svg = lineChart({ title: 't', xLabel: 'x', yLabel: 'y', yMin: 0, yMax: 10, series: [{ name: 'a', points: [[0, 0], [5, 10]] }] }); // prettier-ignore
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toContain('d="M44.0 138.0L224.0 24.0"');
  });

  it('the overview has a bar per model and protocol; curves start at severity 0', () => {
    const overview = overviewFigure(columnsOf(models), models)!;
    expect(overview.svg.match(/<rect/g)).toHaveLength(5);
    expect(overview.caption).toContain('ImageNet-A: top1, masked200');
    const [group] = severityFigures(models);
    expect(group!.figures.map(({ title }) => title)).toEqual(['fog']);
    expect(group!.figures[0]!.svg.match(/<circle/g)).toHaveLength(6);
    expect(overviewFigure([], models)).toBeUndefined();
  });

  it('a model has one colour on the whole page, wherever others were not measured', () => {
    const [ours, other] = models as [ReportModel, ReportModel];
    const [group] = severityFigures([other, ours]);
    expect(group!.names).toEqual(['ours <31>']);
    expect(group!.figures[0]!.svg).toMatch(/<g class="s1"><path class="line"/);
    const bare = { name: 'bare', results: [] };
    const overview = overviewFigure(columnsOf([bare, ours]), [bare, ours])!;
    expect([...new Set(overview.svg.match(/fill s\d/g))]).toEqual(['fill s1']);
  });
});

describe('page', () => {
  it('is self-contained, escapes names, shows values beside the paper’s and what is missing', async () => {
    const examples = await corruptionExamples(synth(32, 32), { severities: [1, 5] });
    expect(examples).toHaveLength(38);
    expect(examples.every(({ source }) => source.startsWith('data:image/png;base64,'))).toBe(true);
    const html = reportHtml({ title: 'R & D', models, examples, about: ['Ten images.'] });
    expect(html).not.toMatch(/<script|<link|@import|src="(?!data:)|url\(|href=/);
    expect(
      [...html.matchAll(/https?:\/\/[^"' <]+/g)]
        .map(([url]) => url)
        .filter((url) => url !== 'http://www.w3.org/2000/svg'),
    ).toEqual([]);
    expect(html).toContain('ours &#60;31&#62;');
    expect(html).not.toContain('ours <31>');
    expect(html).toContain('30.9 ± 1.0<small>published 29.4 <b>+1.5</b></small>');
    expect(html).toContain('x.jpg: broken');
    expect(html).toContain('<small>masked200</small>');
    const body = html.replace(/<(meta|img|!doctype)[^>]*>/g, '');
    expect(unbalanced(body)).toEqual([]);
  });

  it('larger pictures are JPEGs', async () => {
    const [first] = await corruptionExamples(synth(96, 96), { severities: [3] });
    expect(first).toMatchObject({ corruption: 'gaussian_noise', severity: 3, width: 96 });
    expect(first!.source).toMatch(/^data:image\/jpeg;base64,\/9j/);
  });

  it('says once what is missing from many parts', () => {
    const problems = ['fog/1', 'fog/2', 'snow/1'].map((part) => ({
      kind: 'missing class' as const,
      part,
      what: 'no images of n01440764',
      count: 999,
    }));
    const other = { kind: 'unreadable' as const, part: 'fog/2', what: 'x.jpg: broken', count: 1 };
    const results = [result('c', [], { complete: false, problems: [...problems, other] })];
    const html = reportHtml({ title: 'C', models: [{ name: 'm', results }] });
    const lines = [...html.matchAll(/<li><b>(.*?)<\/li>/g)].map(([, line]) => line!.replace(/<[^>]*>/g, ''));
    expect(lines).toEqual([
      'ImageNet-C, 3 parts, fog/1 … snow/1 (m): no images of n01440764 (999 in each)',
      'ImageNet-C, fog/2 (m): x.jpg: broken (1)',
    ]);
  });
});
