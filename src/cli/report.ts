import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decodeImage } from '../data/image/decode.ts';
import { evalTransform } from '../data/transform.ts';
import type { ReportModel } from '../report/columns.ts';
import { corruptionGallery, type Gallery } from '../report/examples.ts';
import { standaloneFigures } from '../report/figure-files.ts';
import { reportHtml, reportSections } from '../report/html.ts';
import { hasResults, noResults, readModels } from '../report/read-results.ts';
import {
  resultsCsv,
  escapeMarkdown,
  resultsMarkdown,
  severityMarkdown,
  variantMarkdown,
} from '../report/tables.ts';
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import { isRunFolder } from '../training/run/run-folder.ts';
import { EventFiles, stepsCsv } from '../watch/export.ts';
import { findRuns } from '../watch/find-runs.ts';
import { watchPage } from '../watch/page.ts';
import { readRuns, savedSnapshot } from '../watch/saved.ts';
import type { Runs } from '../watch/runs.ts';
import { onlyWhen } from './conflicts.ts';
import { checkApart } from './files.ts';
import { underWay } from './say.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { makeFolder, readError, writeFileAtomic } from '../util/files.ts';

interface Options {
  readonly out?: string;
  readonly markdown?: string;
  readonly csv?: string;
  readonly figures?: string;
  readonly stepsCsv?: string;
  readonly tensorboard?: string;
  readonly title?: string;
  readonly image?: string;
}

/** `largekernel report`: runs and results of benchmarks as a page, a Markdown text, a CSV file or event files. */
export function addReport(command: Command): void {
  command
    .argument('<results...>', 'run folders, folders of results, or result.json files')
    .option('--out <file.html>', 'one self-contained page: the training of runs, and results')
    .option('--markdown <file.md>', 'tables of results as Markdown')
    .option('--csv <file.csv>', 'one line per number; of runs without results, per step and evaluation')
    .option('--figures <folder>', 'every figure of results as an SVG file')
    .option('--steps-csv <file.csv>', 'one line per step and evaluation of the runs')
    .option('--tensorboard <folder>', 'the logs of the runs as event files')
    .option('--title <text>', 'the page’s title')
    .option('--image <file>', 'also show this picture under every corruption')
    .action(report);
  onlyWhen(command, 'with --out', ['--image'], ({ has }) => has('--out'));
  onlyWhen(command, 'with --out or --markdown', ['--title'], ({ has }) => has('--out') || has('--markdown'));
}

/** What was found below the paths. */
interface Sources {
  readonly models: readonly ReportModel[];
  readonly runs: Runs;
  /** The log of each run by its name. */
  readonly logs: ReadonlyMap<string, readonly MetricsRecord[]>;
  readonly events: EventFiles | undefined;
}

async function report(paths: readonly string[], options: Options): Promise<void> {
  const { out, markdown, csv, figures, stepsCsv: steps, tensorboard } = options;
  if ([out, markdown, csv, figures, steps, tensorboard].every((file) => file === undefined))
    throw new FrameworkError('cli/option', 'Nothing was asked for.', {
      hint: 'Add --out report.html, --markdown report.md, --csv report.csv, --figures folder, --steps-csv steps.csv or --tensorboard folder.',
    });
  checkApart({
    ...{ '--out': out, '--markdown': markdown, '--csv': csv, '--figures': figures },
    ...{ '--steps-csv': steps, '--tensorboard': tensorboard },
  });
  const sources = await read(paths, tensorboard);
  const { models, runs, logs, events } = sources;
  const [path = ''] = paths;
  const files: [string, string][] = [];
  if (out !== undefined) files.push([out, await page(sources, options)]);
  if (markdown !== undefined) {
    if (models.length === 0) throw noResults(path);
    files.push([markdown, markdownOf(models, options.title ?? TITLE)]);
  }
  if (csv !== undefined) files.push([csv, models.length > 0 ? resultsCsv(models) : stepsCsv(logs)]);
  if (figures !== undefined) {
    if (models.length === 0) throw noResults(path);
    await makeFolder(figures);
    for (const [name, svg] of standaloneFigures(models)) files.push([join(figures, name), svg]);
  }
  if ((steps ?? tensorboard) !== undefined && runs.all.length === 0) throw noLogs(path);
  if (steps !== undefined) files.push([steps, stepsCsv(logs)]);
  for (const [file, text] of files) {
    await writeFileAtomic(file, text);
    process.stdout.write(`${file}\n`);
  }
  await events?.settled();
  if (tensorboard !== undefined) process.stdout.write(`${tensorboard}\n`);
}

const TITLE = 'Robustness';

/** Results, and the training of runs: of those named, and of those in folders without results. */
async function read(paths: readonly string[], tensorboard: string | undefined): Promise<Sources> {
  const [withResults, withRuns]: [string[], string[]] = [[], []];
  for (const path of paths) {
    const isMeasured = await hasResults(path);
    const isTrained = isRunFolder(path) || (!isMeasured && (await findRuns([path])).length > 0);
    if (isMeasured) withResults.push(path);
    if (isTrained) withRuns.push(path);
    if (!isMeasured && !isTrained) throw noResults(path);
  }
  const models = withResults.length === 0 ? [] : await readModels(withResults);
  const events = tensorboard === undefined ? undefined : new EventFiles(tensorboard);
  const logs = new Map<string, readonly MetricsRecord[]>();
  const runs = await readRuns(withRuns, (run) => {
    run.listen((records) => logs.set(run.name, records));
    events?.follow(run);
  });
  for (const { name, notes } of runs.all)
    for (const note of notes) process.stderr.write(`${name}: ${note}\n`);
  return { models, runs, logs, events };
}

async function page({ models, runs }: Sources, { title, image }: Options): Promise<string> {
  const gallery = image === undefined ? undefined : await galleryOf(image);
  const input = { models, ...(gallery === undefined ? {} : { gallery }) };
  const { all } = runs;
  if (all.length === 0) return reportHtml({ title: title ?? TITLE, ...input });
  const own = all.length === 1 ? defined(all[0], 'run').name : `${all.length} runs`;
  const snapshot = savedSnapshot(runs);
  return watchPage({ title: title ?? own, snapshot, isLive: false, more: reportSections(input) }).html;
}

function markdownOf(models: readonly ReportModel[], title: string): string {
  return [
    `# ${escapeMarkdown(title)}\n`,
    resultsMarkdown(models),
    variantMarkdown(models),
    severityMarkdown(models),
  ].join('\n');
}

function noLogs(path: string): FrameworkError {
  return new FrameworkError('data/no-runs', `There is no log of a run in ${path}.`, {
    hint: 'Name a folder that `largekernel train` or `largekernel ablate` wrote to.',
  });
}

async function galleryOf(image: string): Promise<Gallery> {
  return underWay('corrupting the picture', async () =>
    corruptionGallery(await squareImage(image), basename(image)),
  );
}

/** Cropped as ImageNet-C crops; small images stay. */
async function squareImage(path: string) {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw readError(path, error);
  });
  const image = await decodeImage(bytes, basename(path));
  const size = Math.min(224, image.width, image.height);
  const resize = Math.min(image.width, image.height) > 224 ? 256 : null;
  return evalTransform({ resize, crop: size, squash: false, interpolation: 'bilinear' })(image);
}
