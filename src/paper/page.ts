/** The papers on one page. */
import { versionOf } from '../util/modules.ts';
import { CLAIMS } from './claims/statements.ts';
import type { Claim } from './claims/roles.ts';
import type { Answer, Page, Section, Todo } from './document.ts';
import { figureSection, FIGURES } from './figures.ts';
import { todoOf } from './format.ts';
import { paperModels } from '../report/paper-models.ts';
import type { NamedRow } from './models.ts';
import { publishedNotes, publishedTables } from './published.ts';
import type { Source } from './sources.ts';
import { subjectsOf } from './subjects.ts';
import { rowOf, tableSection, type TableInput } from './tables.ts';
import { measureSteps, READERS, rowWeights } from './work/fill.ts';
import type { Step } from './work/step.ts';

export interface PageOptions {
  readonly title: string;
  /** Weights that are rows of the papers. */
  readonly named: readonly NamedRow[];
  /** Card that costs are estimated for. */
  readonly card: string;
}

/** Everything of both papers from some results. The same results give the same page. */
export async function paperPage(sources: readonly Source[], options: PageOptions): Promise<Page> {
  const input: TableInput = { subjects: subjectsOf(sources), named: options.named, card: options.card };
  const sections: Section[] = [];
  for (const table of publishedTables()) sections.push(await tableSection(table, input));
  for (const figure of FIGURES) sections.push(await figureSection(figure, input));
  const answers: Answer[] = [];
  for (const claim of CLAIMS) answers.push(await answerOf(claim, input));
  return {
    title: options.title,
    text: introduction(sources.length, input, options.card),
    answers,
    sections: [...sections, notes()],
    sources,
    version: versionOf('largekernel'),
  };
}

function introduction(files: number, { subjects }: TableInput, card: string): string[] {
  const models = `${subjects.length} ${subjects.length === 1 ? 'model' : 'models'}`;
  return [
    `Every figure and table of Chen et al., Revealing the Dark Secrets of Extremely Large Kernel ConvNets on Robustness (ICML 2024), and the table of Wang et al., Can CNNs Be More Robust Than Transformers? (ICLR 2023), from ${files} ${files === 1 ? 'file' : 'files'} of results of ${models}.`,
    'A number of ours stands beside a published one only where protocol, pre-training and input size agree; then the difference is given, ours minus published, with its 95 % interval. What was published carries no interval. Of one run the interval is that of the images; of several seeds it is Student’s over their mean. All other numbers of ours have tables of their own.',
    `A letter in a cell names the commands that fill it, listed below its table with their cost: images through the model, and hours on one ${card} by the estimate of \`largekernel plan\`. $DATA is the folder that holds the benchmarks as downloaded, $WEIGHTS that of the official files, $DATA22K that of ImageNet-22k.`,
    'Small raised numbers name the file of a number in the list at the end, with its SHA-256. A star marks an evaluation that is not whole.',
  ];
}

async function answerOf(claim: Claim, input: TableInput): Promise<Answer> {
  const { number, section, statement } = claim;
  const lines = claim.test(input.subjects);
  return { number, section, statement, lines, todo: await todoFor(claim, input) };
}

/** What would answer it for the paper's models. */
async function todoFor({ needs, of }: Claim, input: TableInput): Promise<Todo | undefined> {
  const steps: Step[] = [];
  const names: string[] = [];
  for (const name of of) {
    const rows = paperModels(name);
    const subject = rows.map((own) => rowOf(own, input)).find((own) => own !== undefined);
    const row = rows.find((own) => own.file !== undefined && own.imageSize === 224) ?? rows[0];
    if (row === undefined) continue;
    const found = (subject?.members ?? []).flatMap(({ sources }) =>
      sources.map(({ result }) => result.benchmark),
    );
    const missing = needs.filter((id) => !found.includes(id));
    if (missing.length === 0) continue;
    const run = subject?.members[0]?.sources[0]?.run?.folder;
    const { target, training, measured } = await rowWeights(name, row, READERS, run);
    const ids = missing.filter((id) => !measured.includes(id));
    steps.push(...training, ...measureSteps(target, ids, READERS));
    names.push(name);
  }
  return steps.length === 0 ? undefined : todoOf('', names.join(', '), steps, input.card);
}

function notes(): Section {
  return {
    id: 'notes',
    title: 'On the published numbers',
    text: publishedNotes().filter((note) => !/^Table \d+:/.test(note)),
    tables: [],
    pictures: [],
  };
}
