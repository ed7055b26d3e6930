/** The tables of the page: numbers down, models across, a few models a table so that none is cut. */
import { shortName } from './bars.ts';
import type { Cell, Column, ColumnGroup, ReportModel } from './columns.ts';
import { cellIn, formatDifference, formatMetric } from './columns.ts';
import { escapeXml as text, seriesClass } from './svg.ts';
import { absentLines } from './tables.ts';
import type { VariantTable } from './variants.ts';

/** Models beside each other on a desktop. */
const ACROSS = 5;

interface Row {
  /** HTML. */
  readonly heading: string;
  /** HTML by model. */
  readonly cells: readonly string[];
}

/** Numbers of one benchmark and setting. */
export function benchmarkSection(group: ColumnGroup, models: readonly ReportModel[]): string {
  const { name, setting, columns } = group;
  const shown = models.filter((model) => columns.some((column) => cellIn(column, model.name)));
  const rows = columns.map((column) => ({
    heading: numberHeading(column),
    cells: shown.map((model) => cellHtml(cellIn(column, model.name))),
  }));
  const note = setting === '' ? '' : `<p class="note">${text(setting)}</p>`;
  const absent = absentLines(shown, name).map((line) => `<li>${text(line)}</li>`);
  const lacks =
    absent.length === 0 ? '' : `<p class="note">Not computed:</p><ul class="absent">${absent.join('')}</ul>`;
  return `<section><h2>${text(name)}</h2>${note}${tablesHtml('', rows, shown, models)}${sourcesHtml(columns)}${lacks}</section>`;
}

/** One number of every corruption or perturbation. */
export function variantSection(table: VariantTable, models: readonly ReportModel[]): string {
  const { title, note, rows } = table;
  const shown = table.models.flatMap((name) => models.filter((model) => model.name === name));
  const body = rows.map(({ name, group, cells }) => ({
    heading: `${text(name)}<small>${text(group)}</small>`,
    cells: cells.map((metric) => (metric === undefined ? NONE : `<td>${numberHtml(metric)}</td>`)),
  }));
  return `<section><h2>${text(title)}</h2><p class="note">${text(note)}</p>${tablesHtml('', body, shown, models)}</section>`;
}

/** A narrow cell breaks before its interval, never within; words why there is none may break. */
function numberHtml(metric: Parameters<typeof formatMetric>[0]): string {
  const words = text(formatMetric(metric));
  const why = metric.noInterval === undefined ? '<span class="interval">$&</span>' : '<small>$&</small>';
  return words.replace(/\(.*\)/, why);
}

const NONE = '<td class="none">–</td>';

/** @param all gives every model its colour */
function tablesHtml(
  corner: string,
  rows: readonly Row[],
  shown: readonly ReportModel[],
  all: readonly ReportModel[],
): string {
  const tables: string[] = [];
  for (let first = 0; first < shown.length; first += ACROSS) {
    const some = shown.slice(first, first + ACROSS);
    const head = some.map((model) => modelHeading(model.name, all.indexOf(model)));
    const body = rows.map(
      ({ heading, cells }) =>
        `<tr><th scope="row">${heading}</th>${cells.slice(first, first + ACROSS).join('')}</tr>`,
    );
    const hint = some.length > 2 ? `<p class="hint">${some.length} models: scroll sideways →</p>` : '';
    tables.push(
      `${hint}<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">${corner}</th>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`,
    );
  }
  return tables.join('');
}

function modelHeading(name: string, colour: number): string {
  return `<th scope="col" class="model ${seriesClass(colour)}" title="${text(name)}"><span class="swatch"></span>${text(shortName(name))}</th>`;
}

function numberHeading({ label, unit, better, own }: Column): string {
  const arrow = better === 'higher' ? '↑' : '↓';
  const dimension = unit === '' ? '' : `&nbsp;<span class="unit">${unit}</span>`;
  return `${text(label)}${dimension}&nbsp;<abbr title="${better} is better">${arrow}</abbr><small>${text(own)}</small>`;
}

function cellHtml(cell: Cell | undefined): string {
  if (!cell) return NONE;
  const mark = cell.isComplete ? '' : '<abbr title="the evaluation is incomplete">*</abbr>';
  const { reference, metric } = cell;
  const published = reference
    ? `<small>published ${reference.value} <b>${formatDifference(metric, reference)}</b></small>`
    : '';
  return `<td>${numberHtml(metric)}${mark}${published}</td>`;
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
