import type { Command } from 'commander';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { decodeImage } from '../data/image/decode.ts';
import { evalTransform } from '../data/transform.ts';
import { corruptionGallery } from '../report/examples.ts';
import { reportHtml } from '../report/html.ts';
import { readModels } from '../report/read-results.ts';
import {
  resultsCsv,
  escapeMarkdown,
  resultsMarkdown,
  severityMarkdown,
  variantMarkdown,
} from '../report/tables.ts';
import { onlyWhen } from './conflicts.ts';
import { underWay } from './say.ts';
import { FrameworkError } from '../util/errors.ts';
import { readError, writeFileAtomic } from '../util/files.ts';

interface Options {
  readonly out?: string;
  readonly markdown?: string;
  readonly csv?: string;
  readonly title: string;
  readonly image?: string;
}

/** `largekernel report`: results of benchmarks as a page, a Markdown text or a CSV file. */
export function addReport(command: Command): void {
  command
    .argument('<results...>', 'run folders, folders of results, or result.json files')
    .option('--out <file.html>', 'one self-contained page')
    .option('--markdown <file.md>', 'tables as Markdown')
    .option('--csv <file.csv>', 'one line per number')
    .option('--title <text>', 'the page’s title', 'Robustness')
    .option('--image <file>', 'also show this picture under every corruption')
    .action(report);
  onlyWhen(command, 'with --out', ['--image'], ({ has }) => has('--out'));
  onlyWhen(command, 'with --out or --markdown', ['--title'], ({ has }) => has('--out') || has('--markdown'));
}

async function report(paths: readonly string[], options: Options): Promise<void> {
  const { out, markdown, csv, title, image } = options;
  if (out === undefined && markdown === undefined && csv === undefined)
    throw new FrameworkError('cli/option', 'Nothing was asked for.', {
      hint: 'Add --out report.html, --markdown report.md or --csv report.csv.',
    });
  const models = await readModels(paths);
  const files: [string, string][] = [];
  if (out !== undefined) {
    const gallery =
      image === undefined
        ? undefined
        : await underWay('corrupting the picture', async () =>
            corruptionGallery(await squareImage(image), basename(image)),
          );
    files.push([out, reportHtml({ title, models, ...(gallery === undefined ? {} : { gallery }) })]);
  }
  if (markdown !== undefined)
    files.push([
      markdown,
      [
        `# ${escapeMarkdown(title)}\n`,
        resultsMarkdown(models),
        variantMarkdown(models),
        severityMarkdown(models),
      ].join('\n'),
    ]);
  if (csv !== undefined) files.push([csv, resultsCsv(models)]);
  for (const [file, text] of files) {
    await writeFileAtomic(file, text);
    process.stdout.write(`${file}\n`);
  }
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
