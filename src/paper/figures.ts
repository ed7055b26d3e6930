/** The figures of Chen et al. from our results, each with its data and what it lacks. */
import { FrameworkError } from '../util/errors.ts';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ReportModel } from '../report/columns.ts';
import { paperFigures } from '../report/paper-figures.ts';
import { plotFigures } from '../report/plots.ts';
import { escapeXml } from '../report/svg.ts';
import { existsNow } from '../util/files.ts';
import { curveTables } from './curve-tables.ts';
import type { Picture, Section, Table, Todo } from './document.ts';
import { letterOf, todoOf } from './format.ts';
import { paperModel } from '../report/paper-models.ts';
import { publishedTables, publishedText, type PublishedTable } from './published.ts';
import type { Source } from './sources.ts';
import type { Subject } from './subjects.ts';
import { rowOf, tableSection, type TableInput } from './tables.ts';
import { measureSteps, READERS, rowWeights } from './work/fill.ts';

interface FigureSpec {
  readonly number: number;
  readonly title: string;
  /** What the paper says of it; its drawings are not at hand. */
  readonly text: string;
  /** Results that it is drawn from. */
  readonly benchmarks: readonly string[];
  /** Models that the paper draws. */
  readonly models: readonly string[];
  /** Columns of Tables 5 and 6 that hold its numbers. */
  readonly columns?: readonly string[];
  /** Only the models of the largest kernel. */
  readonly isOfLargeKernels?: true;
}

const DRAWN = ['RepLKNet-31B', 'ViT-B', 'ResNet-50'] as const;

export const FIGURES: readonly FigureSpec[] = [
  { number: 1, title: 'ImageNet accuracy against size', text: 'Top-1 against the number of parameters.', benchmarks: ['val'], models: [], columns: ['ImageNet'] },
  { number: 2, title: 'ImageNet-A, ImageNet-C and ImageNet-O', text: 'Top-1 on A (of 1000 classes), mean top-1 over 19 corruptions at severity 5, AUPR on O.', benchmarks: ['a', 'c', 'o'], models: [], columns: ['ImageNet-A', 'ImageNet-C', 'ImageNet-O'] },
  { number: 3, title: 'ImageNet-R', text: 'Top-1 on R, of 1000 classes.', benchmarks: ['r'], models: [], columns: ['ImageNet-R'] },
  { number: 4, title: 'Occlusion', text: 'Change of top-1 as random, salient and other patches are blacked out.', benchmarks: ['occlusion'], models: [...DRAWN, 'BiT-r152x4'] },
  { number: 5, title: 'Images under the three drops', text: 'An illustration: dropped patches are black.', benchmarks: ['occlusion'], models: [] },
  { number: 6, title: 'FGSM and PGD', text: 'Top-1 under FGSM (ε 0.1 to 0.4) and PGD (5 steps, ε 0.002 to 0.008; more steps at ε 0.006), ε in pixels of [0, 1].', benchmarks: ['attack-fgsm', 'attack-pgd'], models: DRAWN },
  { number: 7, title: 'Lesion', text: 'Top-1 without some of the blocks, mean and range over samples.', benchmarks: ['lesion'], models: ['RepLKNet-31B', 'ViT-B', 'ViT-L'] },
  { number: 8, title: 'Noise by frequency', text: 'Change of top-1 under noise of one band of frequencies.', benchmarks: ['frequency'], models: DRAWN },
  { number: 9, title: 'Kernel attention distance', text: 'Of the first two layers of the first stage and the last two of the third.', benchmarks: ['kernel-distance'], models: ['RepLKNet-31B'], isOfLargeKernels: true },
  { number: 10, title: 'Variance of feature maps', text: 'Over depth.', benchmarks: ['variance'], models: DRAWN },
]; // prettier-ignore

/** A figure of the paper. */
export async function figureSection(spec: FigureSpec, input: TableInput): Promise<Section> {
  const { number, title, text, columns } = spec;
  const said = publishedText()
    .filter(({ figure }) => figure === number)
    .map(
      ({ model, what, value, unit, words }) =>
        `${model}, ${what}: ${value === null ? (words ?? '') : `${value} ${unit ?? ''}`}`,
    );
  const paragraphs = [text, ...(said.length === 0 ? [] : [`In the text of the paper: ${said.join('; ')}.`])];
  const section = { id: `figure${number}`, title: `Figure ${number}: ${title}`, text: paragraphs };
  if (columns !== undefined) {
    const { tables } = await tableSection(scalarTable(columns), input);
    return { ...section, tables, pictures: picturesOf(input.subjects, spec) };
  }
  if (number === 5) return { ...section, ...(await illustration(input.subjects)) };
  const shown = spec.isOfLargeKernels === true ? ofLargeKernels(input.subjects, spec) : input.subjects;
  const pictures = picturesOf(shown, spec);
  return { ...section, pictures, tables: await lacking(spec, input) };
}

/** Columns of Tables 5 and 6 as one table. */
function scalarTable(columns: readonly string[]): PublishedTable {
  const tables = publishedTables().filter(({ number }) => number === 6 || number === 5);
  const six = tables.find(({ number }) => number === 6);
  if (six === undefined) throw new FrameworkError('internal/table', 'data/paper/tables.json has no Table 6');
  const models = [...new Set(tables.reverse().flatMap(({ rows }) => rows.map(({ model }) => model)))];
  const cell = (model: string, column: string) =>
    tables
      .map(({ columns: own, rows }) => rows.find((row) => row.model === model)?.cells[own.indexOf(column)])
      .find((found) => found !== undefined);
  return {
    ...six,
    // Only Table 5 has O, only Table 6 the clean column.
    number: columns.includes('ImageNet-O') ? 5 : 6,
    source: six.source.replace('Table 6', 'Tables 5 and 6'),
    columns,
    rows: models.map((model) => ({
      model,
      kernel: six.rows.find((row) => row.model === model)?.kernel,
      cells: columns.map((column) => {
        const found = cell(model, column);
        return found === undefined ? undefined : { value: found.value };
      }),
    })),
  };
}

function ofLargeKernels(subjects: readonly Subject[], { benchmarks }: FigureSpec): Subject[] {
  const own = subjects.filter((subject) => resultsOf(subject, benchmarks).length > 0);
  const groups = new Map<string | undefined, Subject[]>();
  for (const subject of own) groups.set(subject.training, [...(groups.get(subject.training) ?? []), subject]);
  return [...groups.values()].flatMap((group) => {
    const largest = Math.max(...group.map(({ kernel }) => kernel ?? 0));
    return group.filter(({ kernel }) => kernel === largest);
  });
}

/** Results of a subject's first seed. */
function resultsOf({ members }: Subject, benchmarks: readonly string[]): Source[] {
  return (members[0]?.sources ?? []).filter(({ result }) => benchmarks.includes(result.benchmark));
}

function picturesOf(subjects: readonly Subject[], { number, benchmarks, columns }: FigureSpec): Picture[] {
  const models = subjects.flatMap((subject): ReportModel[] => {
    const results = resultsOf(subject, benchmarks).map(({ result }) => result);
    return results.length === 0 ? [] : [{ name: subject.name, paperName: subject.model, results }];
  });
  const seeds = subjects.some(({ members }) => members.length > 1)
    ? ' Of several seeds the first is drawn.'
    : '';
  const tables = columns === undefined ? curveTables(subjects, benchmarks) : [];
  // Figures 1 to 3 and 6 have drawings of their own, the others those of their analyses.
  const own = paperFigures(models).filter(({ id }) => new RegExp(`^figure-${number}(?!\\d)`).test(id));
  const drawn = own.length > 0 || columns !== undefined ? own : plotFigures(models);
  return drawn.map(({ title, caption, svg }, i) => ({
    title,
    caption: `${caption}${seeds}`,
    svg,
    tables: i === 0 ? tables : [],
  }));
}

/** The grid of pictures that `analyze occlusion --pictures` wrote beside its result. */
async function illustration(subjects: readonly Subject[]): Promise<Pick<Section, 'pictures' | 'tables'>> {
  for (const { path } of subjects.flatMap((subject) => resultsOf(subject, ['occlusion']))) {
    const file = join(dirname(path), 'pictures.svg');
    if (!existsNow(file)) continue;
    const source = `data:image/svg+xml;base64,${(await readFile(file)).toString('base64')}`;
    const svg = `<img src="${source}" alt="${escapeXml('images under random, salient and background drops')}">`;
    const caption = `${file.replaceAll('\\', '/')}, which \`analyze occlusion --pictures\` wrote.`;
    return { tables: [], pictures: [{ title: 'Half of the patches dropped', caption, svg, tables: [] }] };
  }
  const todo: Todo = {
    letter: 'a',
    what: 'the pictures, written beside the result',
    commands: [
      'largekernel analyze occlusion --checkpoint RUN --pictures RUN/robustness/occlusion-paper/pictures.svg --preset paper',
    ],
    cost: 'seconds, once the occlusion of RUN was measured',
  };
  const table: Table = { caption: 'Not drawn yet', columns: [], rows: [], notes: [], todos: [todo] };
  return { pictures: [], tables: [table] };
}

/** The commands for the models of the paper that were not measured. */
async function lacking({ benchmarks, models }: FigureSpec, input: TableInput): Promise<Table[]> {
  const todos: Todo[] = [];
  for (const name of models) {
    const row = paperModel(name, 'table4') ?? paperModel(name, 'table6');
    if (row === undefined) continue;
    const subject = rowOf(row, input);
    const own =
      subject === undefined ? [] : resultsOf(subject, benchmarks).map(({ result }) => result.benchmark);
    const ids = benchmarks.filter((id) => !own.includes(id));
    if (ids.length === 0) continue;
    const run = subject?.members[0]?.sources[0]?.run?.folder;
    const { target, training } = await rowWeights(name, row, READERS, run);
    const steps = [...training, ...measureSteps(target, ids, READERS)];
    todos.push(todoOf(letterOf(todos.length), name, steps, input.card));
  }
  return todos.length === 0
    ? []
    : [
        {
          caption: 'Models of the paper’s figure that were not measured',
          columns: [],
          rows: [],
          notes: [],
          todos,
        },
      ];
}
