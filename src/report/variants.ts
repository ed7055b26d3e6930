import type { Metric } from '../robustness/scoring/metric.ts';
import { dataKey, type ReportModel } from './columns.ts';

/** One number of every corruption or perturbation, models side by side. */
export interface VariantTable {
  readonly title: string;
  readonly note: string;
  readonly models: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly group: string;
    readonly cells: readonly (Metric | undefined)[];
  }[];
}

/** Tables by corruption and by perturbation; one for each data side, so that no two protocols meet in one. */
export function variantTables(models: readonly ReportModel[]): VariantTable[] {
  const entries = models.flatMap((model) =>
    model.results
      .filter(({ rows }) => rows.length > 0)
      .map((result) => ({ model: model.name, result, key: dataKey(result) })),
  );
  return [...new Set(entries.map(({ key }) => key))].flatMap((key) => {
    const own = entries.filter((entry) => entry.key === key);
    const ids = own.flatMap(({ result }) =>
      result.rows.flatMap(({ metrics }) => metrics.map(({ id }) => id)),
    );
    const { by = '', tables = [] } = own[0]?.result.report.rows ?? {};
    return tables.flatMap((choices): VariantTable[] => {
      const id = choices.find((choice) => ids.includes(choice));
      return id === undefined ? [] : [tableOf(own, id, by)];
    });
  });
}

function tableOf(
  own: readonly { model: string; result: ReportModel['results'][number] }[],
  id: string,
  by: string,
): VariantTable {
  const found = new Map(
    own.flatMap(({ result }) => result.rows.map(({ name, group }) => [name, group] as const)),
  );
  const cell = (result: ReportModel['results'][number], name: string): Metric | undefined =>
    result.rows.find((row) => row.name === name)?.metrics.find((metric) => metric.id === id);
  const rows = [...found].map(([name, group]) => ({
    name: name.replaceAll('_', ' '),
    group,
    cells: own.map(({ result }) => cell(result, name)),
  }));
  const [first] = rows.flatMap(({ cells }) => cells).filter((metric) => metric !== undefined);
  const { name = '', protocol } = own[0]?.result ?? {};
  const origin =
    protocol === undefined
      ? ''
      : `${protocol.dataOrigin}; ${protocol.subset === 'all' ? 'all images' : protocol.subset}`;
  const unit = first?.unit === '' || first === undefined ? '' : ` in ${first.unit}`;
  return {
    title: `${name}: ${first?.label ?? ''} by ${by}`,
    note: `${first?.label ?? ''}${unit}, ${first?.protocol ?? ''}, lower is better; ${origin}.`,
    models: own.map(({ model }) => model),
    rows,
  };
}
