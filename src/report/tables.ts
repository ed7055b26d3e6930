import type { Column, ReportModel } from './columns.ts';
import { cellIn, columnsOf, formatDifference, formatMetric, groupsOf } from './columns.ts';
import { variantTables } from './variants.ts';

/** Text that Markdown shows as it is: no HTML, no new cells or lines, no links. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\|/g, '\\|')
    .replace(/\]\(/g, ']\\(')
    .replace(/\s*[\r\n]+\s*/g, ' ');
}

/** A GitHub-flavoured table. Cells are text: HTML and pipes in them are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(header), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n') + '\n';
}

/** RFC 4180: quoted where needed, CRLF. Text that a spreadsheet would take for a formula gets a leading apostrophe. */
export function csvTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const field = (value: string | number): string => {
    const isFormula = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) && !isNumber(value);
    const text = isFormula ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [header, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n';
}

function isNumber(text: string): boolean {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
}

/** One line per number: for spreadsheets and scripts. The columns up to `weights_sha256` are the number's whole identity. */
export function resultsCsv(models: readonly ReportModel[]): string {
  const header = [
    'benchmark', 'metric', 'protocol', 'model', 'weights', 'preprocessing', 'normalization', 'image_size', 'data', 'subset',
    'parts', 'difficulty', 'normaliser', 'classes_sha256', 'files_sha256', 'weights_sha256',
    'value', 'low', 'high', 'no_interval', 'unit', 'better', 'complete', 'published', 'difference', 'source',
  ]; // prettier-ignore
  const rows = columnsOf(models).flatMap(({ cells, ...column }) =>
    cells.map(({ model, metric, isComplete, reference, result }) => {
      const { protocol: p, modelFingerprint } = result;
      return [
        column.benchmarkName, column.metric, column.own, model, p.weights, p.preprocessing, p.normalization, p.imageSize,
        p.dataOrigin, p.subset, p.parts, p.difficulty, p.normaliser, p.classListSha256, p.fileListSha256, modelFingerprint,
        metric.value, metric.low ?? '', metric.high ?? '', metric.noInterval ?? '', metric.unit, metric.better,
        String(isComplete), reference?.value ?? '',
        reference === undefined ? '' : Number((metric.value - reference.value).toFixed(6)),
        reference?.source ?? '',
      ]; // prettier-ignore
    }),
  );
  return csvTable(header, rows);
}

/** One table per benchmark and setting, models × metrics, the published value and the difference in brackets. */
export function resultsMarkdown(models: readonly ReportModel[]): string {
  return groupsOf(columnsOf(models))
    .map(({ name, setting, columns }) => {
      const rows = models
        .filter((model) => columns.some((column) => cellIn(column, model.name)))
        .map((model) => [model.name, ...columns.map((column) => markdownCell(column, model.name))]);
      const note = setting === '' ? '' : `${escapeMarkdown(sentence(setting))}.\n\n`;
      const header = ['model', ...columns.map((column) => heading(column))];
      const absent = absentLines(models, name).map((line) => `- ${escapeMarkdown(line)}\n`);
      const lacks = absent.length === 0 ? '' : `\n${absent.join('')}`;
      return `## ${escapeMarkdown(name)}\n\n${note}${markdownTable(header, rows)}${lacks}`;
    })
    .join('\n');
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;
}

/** Numbers of a benchmark that could not be computed, and why, with the models it holds for. */
export function absentLines(models: readonly ReportModel[], benchmarkName: string): string[] {
  const lines = new Map<string, string[]>();
  for (const model of models)
    for (const result of model.results.filter(({ name }) => name === benchmarkName))
      for (const { label, protocol, why } of result.absent) {
        const words = protocol === '' ? label : `${label} (${protocol})`;
        const line = `${words}: ${why}`;
        lines.set(line, [...(lines.get(line) ?? []), model.name]);
      }
  return [...lines].map(([line, names]) =>
    models.length > 1 ? `${line} [${[...new Set(names)].join('; ')}]` : line,
  );
}

/** Top-1 of every corruption at every severity, one table per model and origin; empty where no C was measured. */
export function severityMarkdown(models: readonly ReportModel[]): string {
  const tables = models.flatMap((model) =>
    model.results
      .filter(({ report }) => report.curves !== undefined)
      .map(({ name, parts, report }) => {
        const top1 = new Map(
          parts.map((part) => [
            part.name,
            part.metrics.find(({ id }) => id === report.curves?.metric)?.value,
          ]),
        );
        const severities = [...new Set([...top1.keys()].map((part) => part.split('/')[1] ?? ''))].sort();
        const corruptions = [...new Set([...top1.keys()].map((part) => part.split('/')[0] ?? ''))];
        const cell = (part: string): string => top1.get(part)?.toFixed(1) ?? '';
        const rows = corruptions
          .filter((corruption) => corruption !== 'clean')
          .map((corruption) => [
            corruption,
            // Severity 0 of every corruption is the uncorrupted image.
            ...severities.map((severity) => cell(`${severity === '0' ? 'clean' : corruption}/${severity}`)),
          ]);
        const title = escapeMarkdown(`${name} of ${model.name}`);
        return `## ${title}: top-1 in % by severity\n\n${markdownTable(['corruption', ...severities], rows)}`;
      }),
  );
  return tables.join('\n');
}

/** CE of every corruption and flip rate of every perturbation, models side by side. */
export function variantMarkdown(models: readonly ReportModel[]): string {
  return variantTables(models)
    .map(({ title, note, models: names, rows }) => {
      const body = rows.map(({ name, cells }) => [name, ...cells.map((c) => (c ? formatMetric(c) : ''))]);
      return `## ${escapeMarkdown(title)}\n\n${escapeMarkdown(sentence(note))}\n\n${markdownTable(['', ...names], body)}`;
    })
    .join('\n');
}

function heading({ label, unit, better, own }: Column): string {
  const dimension = unit === '' ? '' : `, ${unit}`;
  return `${label}${dimension} ${better === 'higher' ? '↑' : '↓'} (${own})`;
}

function markdownCell(column: Column, model: string): string {
  const cell = cellIn(column, model);
  if (!cell) return '';
  const mark = cell.isComplete ? '' : ' (incomplete)';
  const { reference, metric } = cell;
  const published = reference
    ? ` [published ${reference.value}, ${formatDifference(metric, reference)}]`
    : '';
  return `${formatMetric(metric)}${mark}${published}`;
}
