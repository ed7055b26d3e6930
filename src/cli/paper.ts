import { InvalidArgumentError, type Command } from 'commander';
import type { Page } from '../paper/document.ts';
import type { NamedRow } from '../paper/models.ts';
import { PAPER_MODELS } from '../report/paper-models.ts';
import { paperPage } from '../paper/page.ts';
import { pageHtml } from '../paper/page-html.ts';
import { pageMarkdown } from '../paper/page-markdown.ts';
import { readSources } from '../paper/sources.ts';
import { CARDS } from '../training/planning/cards.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { cardOf } from './cards.ts';

export interface PaperOptions {
  readonly out: readonly string[];
  readonly title: string;
  readonly row: readonly NamedRow[];
  readonly for: string;
}

export const PAPER_TITLE = 'Large kernels and robustness: both papers, and ours';

/** `largekernel paper`: the papers' figures and tables with ours beside them, on one page. */
export function addPaper(command: Command): void {
  command
    .argument('<results...>', 'runs, sweeps, folders of results, or result.json files')
    .requiredOption(
      '--out <file...>',
      'page.html; page.md; or page.pdf-ready, which writes page.pdf-ready.html: the same page with everything unfolded and in light colours, whose print (Ctrl-P, A4 or Letter) is the PDF',
    )
    .option('--title <text>', 'the page’s title', PAPER_TITLE)
    .option(
      '--row <name=sha256>',
      'weights that are a row of a paper, such as RepLKNet-31B=1a2b3c4d: the first letters of their SHA-256; may be given many times',
      namedRow,
      [],
    )
    .option('--for <card>', `the card that costs are estimated for: ${Object.keys(CARDS).join(', ')}`, 'h200')
    .action(paper);
}

export function namedRow(text: string, before: readonly NamedRow[]): readonly NamedRow[] {
  const [, row = '', sha256 = ''] = /^(.*)=([0-9a-f]{8,64})$/.exec(text) ?? [];
  const names = PAPER_MODELS.flatMap((model) => model.names);
  if (sha256 === '')
    throw new InvalidArgumentError(
      'a row and at least 8 hexadecimal digits are wanted, such as RepLKNet-31B=1a2b3c4d.',
    );
  if (names.includes(row)) return [...before, { row, sha256 }];
  const near = nearest(row, names);
  throw new InvalidArgumentError(
    `${row} is no row of a paper; ${near === undefined ? `there are ${[...new Set(names)].join(', ')}` : `did you mean ${near}`}.`,
  );
}

/** The page of some results, in the files that endings ask for; prints their names. */
export async function paper(paths: readonly string[], options: PaperOptions): Promise<void> {
  const { out, title, row: named, for: card } = options;
  const writers = out.map(writerOf);
  cardOf(card);
  const page = await paperPage(await readSources(paths), { title, named, card });
  for (const { file, write } of writers) {
    await writeFileAtomic(file, write(page));
    process.stdout.write(`${file}\n`);
  }
}

export interface Writer {
  readonly file: string;
  readonly write: (page: Page) => string;
}

/** @throws FrameworkError `cli/option` for an ending that says nothing */
export function writerOf(out: string): Writer {
  if (out.endsWith('.html') && !out.endsWith('.pdf-ready.html'))
    return { file: out, write: (page) => pageHtml(page) };
  if (/\.pdf-ready(\.html)?$/.test(out))
    return {
      file: out.endsWith('.html') ? out : `${out}.html`,
      write: (page) => pageHtml(page, { isForPrint: true }),
    };
  if (out.endsWith('.md')) return { file: out, write: pageMarkdown };
  throw new FrameworkError('cli/option', `--out ${out} ends in none of .html, .md and .pdf-ready.`, {
    hint: 'The ending says what is written, for example --out paper.html.',
  });
}
