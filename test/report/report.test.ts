import { describe, expect, it } from 'vitest';
import type { ReportModel } from '../../src/report/columns.ts';
import { columnsOf, formatDifference, formatMetric } from '../../src/report/columns.ts';
import { corruptionGallery } from '../../src/report/examples.ts';
import { metricFigures, severityFigures } from '../../src/report/figures.ts';
import { rowChart } from '../../src/report/bars.ts';
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
import type { BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import type { Metric } from '../../src/robustness/scoring/metric.ts';
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
      imageSize: 224,
      weights: 'file',
      parts: 'all',
      difficulty: 1,
      normaliser: 'AlexNet',
      classListSha256: 'a',
      fileListSha256: 'b',
    },
    complete: true,
    problems: [],
    items: { asked: 10, scored: 10, unreadable: 0 },
    metrics,
    absent: [],
    rows: [],
    parts: [],
    perClass: {},
    report: findBenchmark(id).scoring.report,
    isClean: id === 'val',
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
    // Two of eight: ± 26 would reach below nothing; six of eight, above all.
    expect(formatMetric({ ...masked, value: 25, low: 7.15, high: 59.07 })).toBe('25.0 (7.2–59.1)');
    expect(formatMetric({ ...masked, value: 75, low: 40.93, high: 92.85 })).toBe('75.0 (40.9–92.8)');
    expect(
      formatMetric({ id: 'x', label: 'x', protocol: '', value: -2.345, unit: 'points', better: 'lower' }),
    ).toBe('−2.3');
  });
});

describe('tables', () => {
  it('list every corruption by severity, 0 being the clean images', () => {
    const table = severityMarkdown(models);
    expect(table).toMatch(/^## ImageNet-C of ours &lt;31&gt;: top-1 in % by severity$/m);
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
      'ImageNet-A,top1,full1000,ours <31>,file,"short side 256 bicubic, centre crop 224","mean 0 0 0, std 1 1 1",224,' +
        'release,all,all,1,AlexNet,a,b,f,30.9,29.9,31.9,,%,higher,true,29.4,1.5,"Chen et al., ICML 2024, Table 5"',
    );
  });

  it('hold no HTML, no formula and no line but their own', () => {
    const name = '<img src=x onerror=alert(1)>|\n# x [a](javascript:b)';
    const text = resultsMarkdown([{ name, results: [result('a', [full], { name: '<b>' })] }]);
    expect(text).not.toMatch(/<(img|b)/);
    expect(text).not.toMatch(/^# x/m);
    expect(text).not.toContain('](');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;\\| # x');
    const cells = ['=1+1', '+SUM(A1)', '-2+3', '@x', '\t=1', '-2.5', 'a=b', -3];
    expect(csvTable(['=h'], [cells]).split('\r\n')).toEqual([
      "'=h",
      "'=1+1,'+SUM(A1),'-2+3,'@x,'\t=1,-2.5,a=b,-3",
      '',
    ]);
  });

  it('one clip has no interval and says so; what could not be computed is said with the reason', () => {
    const clip: Metric = { ...full, id: 'mfr', noInterval: 'one clip' };
    delete (clip as { low?: number }).low;
    delete (clip as { high?: number }).high;
    expect(formatMetric(clip)).toBe('30.9 (interval n/a: one clip)');
    const absent = [{ id: 'relative-mce', label: 'relative mCE', protocol: '15', why: 'no clean error' }];
    const some = [{ name: 'm', results: [result('p', [clip], { absent })] }];
    expect(resultsMarkdown(some)).toContain('- relative mCE (15): no clean error');
    expect(resultsCsv(some).split('\r\n')[1]).toContain(',30.9,,,one clip,%,');
    expect(reportHtml({ title: 't', models: some })).toContain('<li>relative mCE (15): no clean error</li>');
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
    const svg = lineChart({ title: 't', xLabel: 'x', yLabel: 'y', yMin: 0, yMax: 10, series: [{ name: 'a', points: [{ x: 0, y: 0, low: 0, high: 1 }, { x: 5, y: 10, low: 9, high: 10 }] }] }); // prettier-ignore
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toContain('d="M44.0 138.0L224.0 24.0"');
    expect(svg).toContain('<path class="band" d="M44.0 126.6L224.0 24.0L224.0 35.4L44.0 138.0Z"/>');
  });

  it('each main number and protocol has a figure of its own, with bars of those who have it; curves start at severity 0', () => {
    const figures = metricFigures(columnsOf(models), models);
    expect(
      figures.map(({ id, caption, svg }) => [id, caption.split('.')[0], svg.match(/<rect/g)?.length]),
    ).toEqual([
      ['a-top1', 'masked200', 1],
      ['a-top1', 'full1000', 2],
      ['a-top1', 'full1000, generated (seed 0)', 1],
      ['o-aupr', 'softmax over 200', 1],
    ]);
    expect(figures[1]!.svg).toContain('<title>published 29.4</title>');
    expect(figures[1]!.svg).toContain('>30.9*</text>');
    const [group] = severityFigures(models);
    expect(group!.figures.map(({ title }) => title)).toEqual(['fog']);
    expect(group!.figures[0]!.svg.match(/<circle/g)).toHaveLength(6);
    expect(group!.figures[0]!.svg).toContain('class="band"');
    expect(metricFigures([], models)).toEqual([]);
  });

  it('severity 0 of a release is the clean evaluation of the same model, where it is whole', () => {
    const released = curves.slice(1);
    const clean = percent('top1', 80, 'full1000');
    const of = (complete: boolean): ReportModel[] => [
      { name: 'm', results: [result('val', [clean], { complete }), result('c', [], { parts: released })] },
    ];
    expect(severityFigures(of(true))[0]!.figures[0]!.svg.match(/<circle/g)).toHaveLength(6);
    const [without] = severityFigures(of(false));
    expect(without!.figures[0]!.svg.match(/<circle/g)).toHaveLength(5);
    expect(without!.zero).toMatch(/not measured for m/);
  });

  it('a value stands in a column of its own, the whisker on the bar', () => {
    const svg = rowChart({ title: 't', max: 100, rows: [{ label: 'x'.repeat(80), colour: 0, value: 50, low: 40, high: 60, text: '50.0' }] }); // prettier-ignore
    expect(unbalanced(svg)).toEqual([]);
    expect(svg).toMatch(/<rect[^>]*x="4.0"[^>]*width="149.0"/); // half of 298 px
    expect(svg).toMatch(/class="whisker" x1="123.2" x2="182.8"/);
    expect(svg).toMatch(/<text x="358"[^>]*>50\.0<\/text>/);
    expect(svg).toMatch(/>x+…x+<title>x{80}<\/title>/);
  });

  it('a model has one colour on the whole page, wherever others were not measured', () => {
    const [ours, other] = models as [ReportModel, ReportModel];
    const [group] = severityFigures([other, ours]);
    expect(group!.names).toEqual(['ours <31>']);
    expect(group!.figures[0]!.svg).toMatch(/<g class="s1"><path class="band"/);
    const bare = { name: 'bare', results: [] };
    const figures = metricFigures(columnsOf([bare, ours]), [bare, ours]);
    expect([...new Set(figures.flatMap(({ svg }) => svg.match(/fill s\d/g)))]).toEqual(['fill s1']);
  });
});

describe('page', () => {
  it('is self-contained, escapes names, shows values beside the paper’s and what is missing', async () => {
    const gallery = await corruptionGallery(synth(32, 32), 'a < b.png', { seed: 7, severities: [1, 5] });
    expect(gallery.examples).toHaveLength(38);
    expect(gallery.examples.every(({ source }) => source.startsWith('data:image/png;base64,'))).toBe(true);
    const html = reportHtml({ title: 'R & D', models, gallery, about: ['Ten images.'] });
    expect(html).toContain(
      'a &#60; b.png, 32×32 pixels, clean and at severities 1, 5; generated with seed 7 as image number 0.',
    );
    expect(html).toContain(
      `<img src="${gallery.clean.source}" width="32" height="32" alt="clean, severity 0">`,
    );
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
    const { examples } = await corruptionGallery(synth(96, 96), 'x.jpg', { severities: [3] });
    const [first] = examples;
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

  it('names what makes its numbers again: weights, date, version, adapter, files', () => {
    const sessions = [
      { date: '2026-11-27T08:00:00.000Z', version: '0.1.0', adapter: 'llvmpipe (cpu)', node: 'v20.1' },
    ];
    const html = reportHtml({
      title: 'C',
      models: [{ name: 'm', results: [result('a', [full], { modelFingerprint: 'f'.repeat(64) })], sessions }],
    });
    expect(html).toContain('f'.repeat(64));
    expect(html).toContain('2026-11-27, largekernel 0.1.0, Node v20.1, llvmpipe (cpu)');
    expect(html).toContain('SHA-256 <code>b</code>');
  });

  it('has a table by corruption, the leaderboard’s own number first', () => {
    const ce = percent('ce', 90, 'AlexNet-normalised');
    const error = percent('mean-error', 80, 'un-normalised');
    const row = (...metrics: Metric[]) => ({ name: 'glass_blur', group: 'blur', metrics });
    const with15 = { name: 'x', results: [result('c', [], { rows: [row(error, ce)] })] };
    const html = reportHtml({ title: 'C', models: [with15] });
    expect(html).toContain('ImageNet-C: ce by corruption');
    expect(html).toContain('glass blur<small>blur</small></th><td>90.0 ± 1.0</td>');
    const plain = { name: 'y', results: [result('c', [], { rows: [row(error)] })] };
    expect(reportHtml({ title: 'C', models: [plain] })).toContain('<td>80.0 ± 1.0</td>');
  });

  it('keeps an interval on one line, says the subset in its own words, and a normaliser only where something is normalised', () => {
    const error = { ...percent('mean-error', 80, 'un-normalised'), low: 70, high: 80.5 };
    const rows = [{ name: 'fog', group: 'weather', metrics: [error] }];
    const page = (one: BenchmarkResult) =>
      reportHtml({ title: 'C', models: [{ name: 'm', results: [one] }] });
    const c = result('c', [error], { rows });
    const limited = { ...c, protocol: { ...c.protocol, subset: '16 images of each part, evenly spaced' } };
    expect(page(limited)).toContain('<td>80.0 <span class="interval">(70.0–80.5)</span></td>');
    expect(page(limited)).toContain('release; 16 images of each part, evenly spaced.</p>');
    const single = { ...error, noInterval: 'one clip of fog' };
    expect(page(result('c', [single]))).toContain(
      '<td>80.0 <small>(interval n/a: one clip of fog)</small></td>',
    );
    expect(page(c)).toContain('<dt>normaliser</dt>');
    expect(page(result('val', [percent('top-1', 80, 'full1000')]))).not.toContain('normaliser');
  });

  it('lays models out a few a table, so that none is cut', () => {
    const many = Array.from({ length: 7 }, (_, i) => ({ name: `m${i}`, results: [result('a', [full])] }));
    const html = reportHtml({ title: 'C', models: many });
    expect(html.match(/<th scope="col" class="model/g)).toHaveLength(7);
    expect(html.match(/<table>/g)).toHaveLength(2);
    expect(html).toContain('5 models: scroll sideways');
  });
});
