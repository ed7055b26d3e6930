/** Models of ours that are no row of a paper's table, under its columns. */
import { dataWords, isRelease, standIn, type Quantity } from './columns.ts';
import type { Cell, Row, Table, Todo } from './document.ts';
import { letterOf, showMeasured, todoOf } from './format.ts';
import type { PublishedTable } from './published.ts';
import { ownStep } from './work/own.ts';
import type { Step } from './work/step.ts';
import { dataSides, measure, settingsOf, type DataSide, type Subject } from './subjects.ts';

/** Subjects in the rows that they are, and why others of the same model are not. */
export interface Matched {
  readonly rows: ReadonlyMap<string, Subject>;
  readonly reasons: readonly string[];
}

interface Column {
  readonly quantity: Quantity;
  readonly side: DataSide;
}

/** A table for each number of classes: no two data sides share a column. */
export function otherTables(
  table: PublishedTable,
  quantities: readonly Quantity[],
  { rows: matched }: Matched,
  { subjects, card }: { readonly subjects: readonly Subject[]; readonly card: string },
): Table[] {
  const isShownAbove = (subject: Subject, side: DataSide) =>
    [...matched.values()].includes(subject) && isRelease(side.example);
  const groups = new Map<number, Subject[]>();
  for (const subject of subjects) {
    const classes = subject.members[0]?.sources[0]?.result.classes ?? 0;
    groups.set(classes, [...(groups.get(classes) ?? []), subject]);
  }
  return [...groups].flatMap(([, own]): Table[] => {
    const columns = quantities.flatMap((quantity) => columnsOf(quantity, table, own, isShownAbove));
    if (columns.length === 0) return [];
    return [tableOf(own, columns, isShownAbove, card)];
  });
}

type IsShown = (subject: Subject, side: DataSide) => boolean;

/** The column itself, or what stands in for it where it cannot be computed. */
function columnsOf(
  quantity: Quantity,
  table: PublishedTable,
  subjects: readonly Subject[],
  isShown: IsShown,
): Column[] {
  for (const one of [quantity, standIn(quantity, table)]) {
    if (one === undefined) continue;
    const found = dataSides(subjects, [one.benchmark])
      .filter((side) =>
        subjects.some(
          (subject) => !isShown(subject, side) && measure(subject, side, one.readOther) !== undefined,
        ),
      )
      .map((side) => ({ quantity: one, side }));
    if (found.length > 0) return found;
  }
  return [];
}

function tableOf(
  subjects: readonly Subject[],
  columns: readonly Column[],
  isShown: IsShown,
  card: string,
): Table {
  const todos: Todo[] = [];
  const rows = subjects.flatMap((subject): Row[] => {
    const cells = columns.map(({ quantity, side }): Cell => {
      const found = isShown(subject, side) ? undefined : measure(subject, side, quantity.readOther);
      return found === undefined ? { none: '–' } : { ours: showMeasured(found, quantity.digits) };
    });
    if (cells.every(({ ours }) => ours === undefined)) return [];
    const lacks = columns.filter((_, i) => cells[i]?.ours === undefined);
    const letter = letterOf(todos.length);
    const steps = lacks.flatMap(({ side }) => missingSteps(subject, side));
    if (steps.length > 0) {
      const what = `${subject.name}: ${lacks.map(({ quantity }) => quantity.label).join(', ')}`;
      todos.push(todoOf(letter, what, steps, card));
    }
    const { members, training } = subject;
    const facts = [
      ...(members.length > 1 ? [`${members.length} seeds`] : []),
      ...(training === undefined ? [] : [training]),
    ];
    return [
      {
        name: subject.name,
        small: facts.join('; '),
        cells:
          steps.length === 0
            ? cells
            : cells.map((cell) => (cell.ours === undefined ? { todo: letter } : cell)),
      },
    ];
  });
  return {
    caption: 'Other models and images of ours: no published number is of the same kind',
    columns: columns.map(({ quantity: { label, unit, better, ownLabel }, side }) => ({
      label: `${side.example.classes === 1000 ? label : (ownLabel?.(side.example) ?? label)}, ${unit} ${better === 'higher' ? '↑' : '↓'}`,
      small:
        dataWords(side.example) +
        settingsOf(
          side,
          columns.map((column) => column.side),
        ),
    })),
    rows,
    notes: [],
    todos,
  };
}

/** For each seed that lacks it. */
function missingSteps({ members }: Subject, { example }: DataSide): Step[] {
  return members.flatMap(({ sources }) => {
    const run = sources[0]?.run;
    const step = run === undefined ? undefined : ownStep(run, example);
    return step === undefined ? [] : [step];
  });
}
