/** What the papers print: `data/paper/tables.json` as tables. */
import { readFileSync } from 'node:fs';
import { dataFile } from '../data/classes.ts';
import { SOURCES } from '../robustness/benchmarks/reference.ts';
import { defined } from '../util/errors.ts';

export interface PublishedCell {
  /** Null: not reported. */
  readonly value: number | null;
  /** What stands in brackets behind it. */
  readonly bracket?: number;
}

export interface PublishedTable {
  /** `table5`, `robust-resnets` */
  readonly id: string;
  readonly set: string;
  readonly number: number | undefined;
  /** `Table 5` */
  readonly title: string;
  readonly caption: string;
  readonly source: string;
  /** Why it has no rows. */
  readonly missing: string | undefined;
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly model: string;
    readonly kernel: string | undefined;
    readonly cells: readonly (PublishedCell | undefined)[];
  }[];
}

/** A value in the text of the paper. */
export interface PublishedText {
  readonly section: string;
  readonly figure: number | null;
  readonly model: string;
  readonly what: string;
  readonly value: number | null;
  readonly unit?: string;
  readonly words?: string;
}

interface Entry extends PublishedCell {
  readonly table?: number;
  readonly model: string;
  readonly column: string;
}

interface About {
  readonly caption?: string;
  readonly missing?: string;
  readonly kernel?: Readonly<Record<string, string | null>>;
}

interface PaperSet {
  readonly source: string;
  readonly notes?: readonly string[];
  readonly tables?: Readonly<Record<string, About>>;
  readonly records: readonly Entry[];
  readonly text?: readonly PublishedText[];
}

const LARGE_KERNELS = 'lkrobust';
const ROBUST_CNNS = 'robustcnn_iclr23';

let read: Readonly<Record<string, PaperSet>> | undefined;

function setOf(name: string): PaperSet {
  read ??= JSON.parse(readFileSync(dataFile('paper/tables.json'), 'utf8')) as Record<string, PaperSet>;
  return defined(read[name], `${name} in data/paper/tables.json`);
}

/** Tables 1 to 8 of Chen et al. (ICML 2024), then that of Wang et al. (ICLR 2023). */
export function publishedTables(): PublishedTable[] {
  const { tables = {}, records } = setOf(LARGE_KERNELS);
  const first = Object.entries(tables).map(([number, about]) =>
    tableOf(
      LARGE_KERNELS,
      { id: `table${number}`, number: Number(number), title: `Table ${number}` },
      about,
      records.filter(({ table }) => table === Number(number)),
    ),
  );
  const second = setOf(ROBUST_CNNS);
  const about = { caption: `${second.source}. ${(second.notes ?? []).join(' ')}` };
  const names = { id: 'robust-resnets', number: undefined, title: 'Robust-ResNets, small' };
  return [...first, tableOf(ROBUST_CNNS, names, about, second.records)];
}

/** Values in the text of Chen et al. */
export function publishedText(): readonly PublishedText[] {
  return setOf(LARGE_KERNELS).text ?? [];
}

/** What to know of the numbers of Chen et al. */
export function publishedNotes(): readonly string[] {
  return setOf(LARGE_KERNELS).notes ?? [];
}

function tableOf(
  set: string,
  names: Pick<PublishedTable, 'id' | 'number' | 'title'>,
  { caption = '', missing, kernel }: About,
  records: readonly Entry[],
): PublishedTable {
  const columns = [...new Set(records.map(({ column }) => column))];
  const models = [...new Set(records.map(({ model }) => model))];
  const paper = SOURCES[set] ?? set;
  return {
    ...{ ...names, set, caption, missing, columns },
    source: names.number === undefined ? paper : `${paper}, Table ${names.number}`,
    rows: models.map((model) => ({
      model,
      kernel: kernel?.[model] ?? undefined,
      cells: columns.map((column) =>
        records.find((record) => record.model === model && record.column === column),
      ),
    })),
  };
}
