/** The tables of the papers: theirs, ours beside, and the commands for what is missing. */
import type { Cell, Row, Section, Table, Todo } from './document.ts';
import { difference } from './estimate.ts';
import { letterOf, showDifference, showMeasured, todoOf } from './format.ts';
import { isRelease, quantitiesOf, type Quantity } from './columns.ts';
import { paperModel, type PaperModel } from '../report/paper-models.ts';
import { whyOther, type Known, type NamedRow } from './models.ts';
import { otherTables, type Matched } from './other-tables.ts';
import { publishedNotes, type PublishedCell, type PublishedTable } from './published.ts';
import { measure, type Subject } from './subjects.ts';
import { measureSteps, READERS, rowWeights } from './work/fill.ts';

/** What tables are made from. */
export interface TableInput {
  readonly subjects: readonly Subject[];
  readonly named: readonly NamedRow[];
  /** Card that costs are estimated for. */
  readonly card: string;
}

/** One table of a paper with everything there is for it. */
export async function tableSection(table: PublishedTable, input: TableInput): Promise<Section> {
  const { id, title, source, missing, caption } = table;
  const heading = title.startsWith('Table') ? title : `${title} (${source})`;
  if (missing !== undefined) return { id, title: heading, text: [missing], tables: [], pictures: [] };
  const quantities = quantitiesOf(table);
  const matched = matchRows(table, input);
  const main = await mainTable(table, quantities, matched, input);
  const others = otherTables(table, quantities, matched, input);
  return { id, title: heading, text: [caption], tables: [main, ...others], pictures: [] };
}

/** The subject that is a row's model, if one is. */
export function rowOf(row: PaperModel, { subjects, named }: TableInput): Subject | undefined {
  return subjects.find((subject) => whyNot(row, subject, named) === undefined);
}

function matchRows(table: PublishedTable, { subjects, named }: TableInput): Matched {
  const rows = new Map<string, Subject>();
  const reasons: string[] = [];
  for (const { model: name } of table.rows) {
    const row = paperModel(name, table.id);
    if (row === undefined) continue;
    const alike = subjects.filter((subject) => subject.model === row.model && isOfImagenet(subject));
    for (const subject of alike) {
      const why = whyNot(row, subject, named);
      if (why !== undefined) reasons.push(reason(name, subject, why));
      // Averaged weights are what the recipes evaluate.
      else if (!rows.has(name) || subject.name.endsWith(', EMA')) rows.set(name, subject);
    }
  }
  return { rows, reasons };
}

/** Others are no candidates for a row. */
function isOfImagenet({ members }: Subject): boolean {
  return members[0]?.sources[0]?.result.classes === 1000;
}

function reason(name: string, subject: Subject, why: string): string {
  const sha256 = subject.members[0]?.sources[0]?.result.modelFingerprint.slice(0, 8) ?? '';
  const advice = why.startsWith('what it was trained on')
    ? `; if these are the row’s weights, say --row '${name}=${sha256}'`
    : '';
  return `${subject.name} is not in the row of ${name}: ${why}${advice}.`;
}

function whyNot(row: PaperModel, { members }: Subject, named: readonly NamedRow[]): string | undefined {
  const [source] = members.flatMap(({ sources }) => sources);
  if (source === undefined) return 'nothing was measured';
  const { run, result } = source;
  const known: Known = {
    model: result.model,
    fingerprint: result.modelFingerprint === '' ? undefined : result.modelFingerprint,
    imageSize: result.protocol.imageSize,
    recipe: run?.recipe,
    before: run?.before,
  };
  return whyOther(row, known, named);
}

async function mainTable(
  table: PublishedTable,
  quantities: readonly Quantity[],
  { rows: matched, reasons }: Matched,
  { card }: TableInput,
): Promise<Table> {
  const rows: Row[] = [];
  const todos: Todo[] = [];
  for (const { model: name, kernel, cells } of table.rows) {
    const row = paperModel(name, table.id);
    const subject = matched.get(name);
    const drawn = quantities.map((quantity, i) => cellOf(quantity, cells[i], subject));
    const lacks = quantities.filter((_, i) => drawn[i]?.ours === undefined);
    let letter: string | undefined;
    if (row !== undefined && lacks.length > 0) {
      letter = letterOf(todos.length);
      todos.push(await todoFor(letter, name, row, lacks, subject, card));
    }
    rows.push({
      name,
      small: [
        kernel === undefined ? '' : `kernel ${kernel}`,
        factsOf(row),
        subject === undefined ? '' : `ours: ${subject.name}${seeds(subject)}`,
      ]
        .filter((words) => words !== '')
        .join('; '),
      cells: drawn.map((cell) =>
        cell.ours === undefined && letter !== undefined ? { ...cell, todo: letter } : cell,
      ),
    });
  }
  const hasOurs = rows.some(({ cells }) => cells.some(({ ours }) => ours !== undefined));
  const legend = hasOurs
    ? [
        'Upper numbers are published, those below ours with the difference (ours − published) and its 95 % interval.',
      ]
    : [];
  return {
    caption: `${table.source}, and ours`,
    columns: quantities.map((quantity) => headOf(quantity)),
    rows,
    notes: [...legend, ...notesOf(table), ...unlikeNotes(quantities), ...reasons],
    todos,
  };
}

function unlikeNotes(quantities: readonly Quantity[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { label, unlike } of quantities)
    if (unlike !== undefined) reasons.set(unlike, [...(reasons.get(unlike) ?? []), label]);
  return [...reasons].map(([why, labels]) => `${labels.join(', ')}: no difference is given, because ${why}.`);
}

/** What to know of this table’s printed numbers. */
function notesOf({ title }: PublishedTable): string[] {
  return publishedNotes()
    .filter((note) => note.startsWith(`${title}:`))
    .map((note) => note.slice(title.length + 2));
}

export function headOf({ label, better, protocol, unit }: Quantity): { label: string; small: string } {
  return { label: `${label}, ${unit} ${better === 'higher' ? '↑' : '↓'}`, small: protocol };
}

export function seeds({ members }: Subject): string {
  return members.length > 1 ? `, ${members.length} seeds` : '';
}

function factsOf(row: PaperModel | undefined): string {
  if (row === undefined) return '';
  return `${row.training}, ${row.imageSize === null ? 'size not stated' : `${row.imageSize} px`}`;
}

function cellOf(
  quantity: Quantity,
  published: PublishedCell | undefined,
  subject: Subject | undefined,
): Cell {
  const { digits, unlike } = quantity;
  const value = published?.value ?? undefined;
  const decimals = Math.max(digits, value === undefined ? 0 : (String(value).split('.')[1]?.length ?? 0));
  const bracket = published?.bracket;
  const shown =
    value === undefined
      ? 'not reported'
      : `${value.toFixed(decimals).replace('-', '−')}${bracket === undefined ? '' : ` (${showDifference({ value: bracket, low: undefined, high: undefined }, 1)})`}`;
  const found =
    subject === undefined
      ? undefined
      : measure(
          subject,
          (result) => result.benchmark === quantity.benchmark && isRelease(result),
          quantity.read,
        );
  if (found === undefined) return { published: shown };
  const isCompared = value !== undefined && unlike === undefined;
  const exact = { value: value ?? 0, low: value ?? 0, high: value ?? 0 };
  return {
    published: shown,
    ours: showMeasured(found, decimals),
    ...(isCompared ? { difference: showDifference(difference(found, exact), decimals) } : {}),
  };
}

async function todoFor(
  letter: string,
  name: string,
  row: PaperModel,
  lacks: readonly Quantity[],
  subject: Subject | undefined,
  card: string,
): Promise<Todo> {
  const run = subject?.members[0]?.sources[0]?.run?.folder;
  const { target, training, measured } = await rowWeights(name, row, READERS, run);
  const ids = [...new Set(lacks.map(({ benchmark }) => benchmark))].filter((id) => !measured.includes(id));
  const steps = [...training, ...measureSteps(target, ids, READERS)];
  const file = target.checkpoint === 'FILE' ? ' (FILE: these weights, whose file is not known here)' : '';
  return todoOf(letter, `${name}: ${lacks.map(({ label }) => label).join(', ')}${file}`, steps, card);
}
