import type { Column, ReportModel } from './columns.ts';
import { columnsOf, formatDifference, formatMetric, sharedSetting } from './columns.ts';

/** A GitHub-flavoured table. Pipes in cells are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, '\\|')).join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [line(header), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n') + '\n';
}

/** RFC 4180: quoted where needed, CRLF. */
export function csvTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const field = (value: string | number): string => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return [header, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n';
}

/** One line per number: for spreadsheets and scripts. */
export function resultsCsv(models: readonly ReportModel[]): string {
  const header = [
    'benchmark', 'metric', 'protocol', 'model', 'value', 'low', 'high', 'unit', 'better', 'complete',
    'published', 'difference', 'source',
  ]; // prettier-ignore
  const rows = columnsOf(models).flatMap(({ cells, ...column }) =>
    cells.map(({ model, metric, isComplete, reference }) => [
      column.benchmarkName,
      column.metric,
      column.protocol,
      model,
      metric.value,
      metric.low ?? '',
      metric.high ?? '',
      metric.unit,
      metric.better,
      String(isComplete),
      reference?.value ?? '',
      reference === undefined ? '' : Number((metric.value - reference.value).toFixed(6)),
      reference?.source ?? '',
    ]),
  );
  return csvTable(header, rows);
}

/** One table per benchmark, models × metrics, the published value and the difference in brackets. */
export function resultsMarkdown(models: readonly ReportModel[]): string {
  const columns = columnsOf(models);
  const benchmarks = [...new Set(columns.map(({ benchmarkName }) => benchmarkName))];
  return benchmarks
    .map((name) => {
      const own = columns.filter(({ benchmarkName }) => benchmarkName === name);
      const rows = models
        .filter((model) => own.some(({ cells }) => cells.some((cell) => cell.model === model.name)))
        .map((model) => [model.name, ...own.map((column) => markdownCell(column, model.name))]);
      const { setting, words } = sharedSetting(own);
      const note = setting === '' ? '' : `${setting[0]?.toUpperCase() ?? ''}${setting.slice(1)}.\n\n`;
      const header = ['model', ...own.map((column) => heading(column, words(column)))];
      return `## ${name}\n\n${note}${markdownTable(header, rows)}`;
    })
    .join('\n');
}

/** Top-1 of every corruption at every severity, one table a model and origin; empty where no C was measured. */
export function severityMarkdown(models: readonly ReportModel[]): string {
  const tables = models.flatMap((model) =>
    model.results
      .filter(({ benchmark }) => benchmark === 'c')
      .map(({ name, parts }) => {
        const top1 = new Map(
          parts.map((part) => [part.name, part.metrics.find(({ id }) => id === 'top1')?.value]),
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
        return `## ${name} of ${model.name}: top-1 in % by severity\n\n${markdownTable(['corruption', ...severities], rows)}`;
      }),
  );
  return tables.join('\n');
}

function heading({ label, unit, better }: Column, words: string): string {
  const dimension = unit === '' ? '' : `, ${unit}`;
  return `${label}${dimension} ${better === 'higher' ? '↑' : '↓'} (${words})`;
}

function markdownCell(column: Column, model: string): string {
  const cell = column.cells.find((c) => c.model === model);
  if (!cell) return '';
  const mark = cell.isComplete ? '' : ' (incomplete)';
  const { reference, metric } = cell;
  const published = reference
    ? ` [published ${reference.value}, ${formatDifference(metric, reference)}]`
    : '';
  return `${formatMetric(metric)}${mark}${published}`;
}
