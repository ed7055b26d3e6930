import type { BenchmarkResult } from '../robustness/benchmarks/result.ts';
import { groupProblems, partsText } from '../robustness/benchmarks/problems.ts';
import type { Cell, Column, ReportModel } from './columns.ts';
import { columnsOf, formatDifference, formatMetric, sharedSetting } from './columns.ts';
import type { Example } from './examples.ts';
import type { Figure } from './figures.ts';
import { overviewFigure, severityFigures } from './figures.ts';
import { PAGE_STYLE } from './style.ts';
import { FIGURE_STYLE, escapeXml as text, seriesClass } from './svg.ts';

export interface ReportInput {
  readonly title: string;
  readonly models: readonly ReportModel[];
  readonly examples?: readonly Example[];
  /** A figure of another part of the project, e.g. a training curve, shown after the overview. */
  readonly figures?: readonly Figure[];
  /** Paragraphs below the title: what was trained, on what. */
  readonly about?: readonly string[];
}

/**
 * One self-contained page: no scripts, no resources from elsewhere; fits a phone, prints, follows light and dark.
 * @example await writeFileAtomic('report.html', reportHtml({ title: 'Kernel ablation', models, examples }))
 */
export function reportHtml(input: ReportInput): string {
  const { title, models, examples = [], figures = [], about = [] } = input;
  const columns = columnsOf(models);
  const overview = overviewFigure(columns, models);
  const sections = [
    ...(overview ? [figureHtml(overview)] : []),
    ...figures.map(figureHtml),
    ...benchmarkSections(columns, models),
    ...severityFigures(models).map((group) => severityHtml(group, models)),
    ...(examples.length > 0 ? [examplesHtml(examples)] : []),
    protocolsHtml(models),
    problemsHtml(models),
  ];
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${text(title)}</title><style>${PAGE_STYLE}${FIGURE_STYLE}</style></head><body><main>`,
    `<h1>${text(title)}</h1>`,
    ...about.map((paragraph) => `<p>${text(paragraph)}</p>`),
    models.length > 1 ? legend(models) : '',
    ...sections,
    '</main></body></html>',
    '',
  ].join('\n');
}

/** @param shown names of the models that are; a model keeps its colour through the whole page */
function legend(models: readonly ReportModel[], shown = models.map(({ name }) => name)): string {
  const items = models.map(({ name }, i) =>
    shown.includes(name)
      ? `<li class="${seriesClass(i)}"><span class="swatch"></span>${text(name)}</li>`
      : '',
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

function figureHtml({ title, caption, svg }: Figure): string {
  return `<section><h2>${text(title)}</h2><figure class="wide"><div class="scroll">${svg}</div><figcaption>${text(caption)}</figcaption></figure></section>`;
}

function benchmarkSections(columns: readonly Column[], models: readonly ReportModel[]): string[] {
  const names = [...new Set(columns.map(({ benchmarkName }) => benchmarkName))];
  return names.map((name) => {
    const own = columns.filter(({ benchmarkName }) => benchmarkName === name);
    const rows = models
      .filter((model) => own.some(({ cells }) => cells.some((cell) => cell.model === model.name)))
      .map((model) => {
        const cells = own.map((column) => cellHtml(column.cells.find((cell) => cell.model === model.name)));
        return `<tr><th scope="row">${text(model.name)}</th>${cells.join('')}</tr>`;
      });
    const { setting, words } = sharedSetting(own);
    const headings = own.map((column) => headingHtml(column, words(column)));
    const head = `<tr><th scope="col">model</th>${headings.join('')}</tr>`;
    const note = setting === '' ? '' : `<p class="note">${text(setting)}</p>`;
    const table = `<table><thead>${head}</thead><tbody>${rows.join('')}</tbody></table>`;
    return `<section><h2>${text(name)}</h2>${note}<div class="scroll">${table}</div>${sourcesHtml(own)}</section>`;
  });
}

function headingHtml({ label, unit, better }: Column, words: string): string {
  const arrow = better === 'higher' ? '↑' : '↓';
  const dimension = unit === '' ? '' : `&nbsp;<span class="unit">${unit}</span>`;
  return `<th scope="col">${text(label)}${dimension}&nbsp;<abbr title="${better} is better">${arrow}</abbr><small>${text(words)}</small></th>`;
}

function cellHtml(cell: Cell | undefined): string {
  if (!cell) return '<td class="none">–</td>';
  const mark = cell.isComplete ? '' : '<abbr title="the evaluation is incomplete">*</abbr>';
  const { reference, metric } = cell;
  const published = reference
    ? `<small>published ${reference.value} <b>${formatDifference(metric, reference)}</b></small>`
    : '';
  return `<td>${formatMetric(metric)}${mark}${published}</td>`;
}

/** Where the published numbers of a benchmark's table come from, and what to know about them. */
function sourcesHtml(columns: readonly Column[]): string {
  const references = columns.flatMap(({ cells }) =>
    cells.flatMap(({ reference }) => (reference ? [reference] : [])),
  );
  if (references.length === 0) return '';
  const bySource = new Map<string, Set<string>>();
  for (const { source, model, note } of references) {
    const models = bySource.get(source) ?? new Set<string>();
    bySource.set(source, models.add(note === undefined ? model : `${model}: ${note}`));
  }
  const lines = [...bySource].map(([source, models]) => `${source} (${[...models].join(', ')})`);
  return `<p class="note">Published: ${text(lines.join('; '))}. The bold number is ours minus the published.</p>`;
}

function severityHtml(
  { origin, names, figures }: ReturnType<typeof severityFigures>[number],
  models: readonly ReportModel[],
): string {
  const cards = figures.map(
    ({ title, svg }) => `<figure><figcaption>${text(title)}</figcaption>${svg}</figure>`,
  );
  const key = models.length > 1 ? legend(models, names) : '';
  return `<section class="severity"><h2>Accuracy by severity</h2><p class="note">${text(origin)}: top-1 in %. All figures have the same scale.</p>${key}<div class="grid">${cards.join('')}</div></section>`;
}

function examplesHtml(examples: readonly Example[]): string {
  const names = [...new Set(examples.map(({ corruption }) => corruption))];
  const cards = names.map((name) => {
    const shown = examples.filter(({ corruption }) => corruption === name);
    const images = shown.map(
      ({ severity, source, width, height }) =>
        `<div><img src="${source}" width="${width}" height="${height}" alt="${text(name)}, severity ${severity}"><small>${severity}</small></div>`,
    );
    return `<figure><figcaption>${text(name.replaceAll('_', ' '))}</figcaption><div>${images.join('')}</div></figure>`;
  });
  const severities = [...new Set(examples.map(({ severity }) => severity))].join(', ');
  const small = examples.some(({ width }) => width < 96) ? ' pixels' : '';
  return `<section><h2>The corruptions</h2><p class="note">One image at severities ${severities}, generated.</p><div class="grid examples${small}">${cards.join('')}</div></section>`;
}

function allResults(models: readonly ReportModel[]): { model: string; result: BenchmarkResult }[] {
  return models.flatMap((model) => model.results.map((result) => ({ model: model.name, result })));
}

/** One line per benchmark and way of measuring it, with the models it holds for. */
function protocolsHtml(models: readonly ReportModel[]): string {
  const lines = new Map<string, { cells: string[]; models: string[] }>();
  for (const { model, result } of allResults(models)) {
    const { dataOrigin, preprocessing, normalization, subset, fileListSha256 } = result.protocol;
    const { scored, asked } = result.items;
    const count = scored === asked ? `${scored}` : `${scored} of ${asked}`;
    const cells = [
      result.name,
      count,
      dataOrigin,
      preprocessing,
      normalization,
      subset,
      fileListSha256.slice(0, 12),
    ];
    const line = lines.get(cells.join('|')) ?? { cells, models: [] };
    line.models.push(model);
    lines.set(cells.join('|'), line);
  }
  const rows = [...lines.values()].map(({ cells: [name = '', ...rest], models: own }) => {
    const who = own.length === models.length && models.length > 1 ? 'all' : own.join(', ');
    return `<tr><th scope="row">${text(name)}</th>${[who, ...rest].map((cell) => `<td class="words">${text(cell)}</td>`).join('')}</tr>`;
  });
  const names = [
    'benchmark',
    'models',
    'images or clips',
    'data',
    'preprocessing',
    'normalisation',
    'subset',
    'file list',
  ];
  const head = `<tr>${names.map((name) => `<th scope="col" class="words">${name}</th>`).join('')}</tr>`;
  return `<section><h2>How the numbers were made</h2><div class="scroll"><table class="protocols"><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

function problemsHtml(models: readonly ReportModel[]): string {
  const items = allResults(models).flatMap(({ model, result }) =>
    groupProblems(result.problems).map((group) => {
      const parts = partsText(group);
      const where = parts === 'all' ? result.name : `${result.name}, ${parts}`;
      const count = group.parts.length > 1 ? `${group.count} in each` : `${group.count}`;
      return `<li><b>${text(where)}</b> (${text(model)}): ${text(group.what)} <small>(${count})</small></li>`;
    }),
  );
  if (items.length === 0) return '';
  const shown = items.slice(0, 100);
  const rest =
    items.length > shown.length
      ? `<p>… and ${items.length - shown.length} more in the result files.</p>`
      : '';
  return `<section><h2>What is missing</h2><p class="note">Numbers marked * are of evaluations that are not whole.</p><ul class="problems">${shown.join('')}</ul>${rest}</section>`;
}
