import { extname, join } from 'node:path';
import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import { inLanes } from '../../../data/lanes.ts';
import type { Failure } from '../../../data/render.ts';
import { FrameworkError } from '../../../util/errors.ts';
import { exists } from '../../../util/files.ts';
import { CORRUPTIONS, findCorruption, findPerturbation } from '../../corruptions/registry.ts';
import { PERTURBATIONS } from '../../corruptions/sequences.ts';
import type { Difficulty, Severity } from '../../corruptions/types.ts';
import { SEVERITIES } from '../../corruptions/types.ts';
import type { Crew } from './crew.ts';
import { exportFile } from './export-job.ts';
import { filesSha256 } from '../images/files-sha256.ts';
import { checkExport } from './export-record.ts';
import type { ExportJob } from './export-job.ts';
import { imagesOf } from '../images/parts.ts';
import { selectItems, type Selection } from '../images/selection.ts';
import { loadFrom, releaseFraming } from '../images/source.ts';
import type { Change } from '../images/source.ts';

export interface ExportOptions {
  readonly seed: number;
  /** Side of the stored images in pixels; 224 for ImageNet. Smaller images keep their size. */
  readonly size: number;
  /** Default: all of ImageNet-C's, or ImageNet-P's. */
  readonly names?: readonly string[];
  readonly severities?: readonly Severity[];
  readonly difficulty?: Difficulty;
  readonly selection?: Selection;
  /** Threads that do the work, and how they open the data set again; without them this process does it. */
  readonly threads?: { readonly crew: Crew; readonly spec: DatasetSpec };
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

export interface ExportProgress {
  readonly done: number;
  /** How many of those done existed before. */
  readonly kept: number;
  readonly total: number;
}

export interface ExportReport {
  readonly written: number;
  /** Files that were there before: an export goes on where it was cut off. */
  readonly kept: number;
  readonly failures: readonly Failure[];
}

/** All files of one corruption and severity, or of one perturbation. */
interface Variant {
  readonly change: Change;
  /** Folder below the export's own. */
  readonly folder: string;
  readonly file: ExportJob['file'];
}

/**
 * Writes ImageNet-C, or by `names` ImageNet-C-bar, in the layout of the release, `<folder>/<corruption>/<severity>/<class>/<file>.JPEG`, quality 85.
 * Files that exist are left alone, if they were made in the same way. Unreadable images are reported, never skipped silently.
 * @throws FrameworkError `evaluate/aborted` between two files; `evaluate/other-export`
 */
export async function exportC(
  dataset: Dataset,
  folder: string,
  options: ExportOptions,
): Promise<ExportReport> {
  const { seed, size, names = CORRUPTIONS.map(({ name }) => name), severities = SEVERITIES } = options;
  const variants = names.map(findCorruption).flatMap(({ name }) =>
    severities.map((severity): Variant => ({
      // The file itself is the one JPEG of the release.
      change: { set: 'C', name, severity, seed, framing: releaseFraming(size), jpeg85: false },
      folder: join(name, String(severity)),
      file: { format: 'jpeg' },
    })),
  );
  return run(dataset, folder, variants, options);
}

/**
 * Writes ImageNet-P in the layout of the release, `<folder>/<perturbation>/<class>/<file>.mp4`; noise of difficulty 2 and
 * 3 in `gaussian_noise_2` and so on. Needs ffmpeg with libx264.
 */
export async function exportP(
  dataset: Dataset,
  folder: string,
  options: ExportOptions,
): Promise<ExportReport> {
  const { seed, size, difficulty = 1, names = PERTURBATIONS.map(({ name }) => name) } = options;
  const variants = names.map(findPerturbation).map(({ name, isNoise }): Variant => ({
    change: { set: 'P', name, seed, size, difficulty },
    folder: isNoise && difficulty > 1 ? `${name}_${difficulty}` : name,
    file: { format: 'mp4', isNoise },
  }));
  return run(dataset, folder, variants, options);
}

/** The path of a sample below its class folder, with another extension; formats without folders get their class. */
function fileOf(dataset: Dataset, item: number, extension: string): string {
  const key = dataset.key(item);
  // A class may be called `t-shirt/top`, a sample `test_batch/00017`: neither slash is a folder.
  const flat = (name: string): string => name.replaceAll('/', '_');
  const id = dataset.classes[dataset.label(item)]?.id ?? '';
  const path = key.startsWith(`${id}/`) ? key : join(flat(id), flat(key));
  return path.slice(0, path.length - extname(path).length) + extension;
}

/** Files under way at once in this process: encoding has its own threads. */
const LANES = 3;

async function run(
  dataset: Dataset,
  folder: string,
  variants: readonly Variant[],
  options: ExportOptions,
): Promise<ExportReport> {
  const keys = Array.from({ length: dataset.length }, (_, i) => dataset.key(i));
  const items = selectItems(keys, options.selection ?? {});
  const label = (item: number) => dataset.label(item);
  const part = { name: '', keys, label, bytes: async (item: number) => dataset.load(item) };
  const [set] = variants.map(({ change }) => change.set);
  if (set !== undefined)
    await checkExport(
      folder,
      set,
      options,
      await filesSha256([{ part, items: [...keys.keys()] }]),
      variants.map((variant) => variant.folder),
    );
  const total = variants.length * items.length;
  let [written, kept, done] = [0, 0, 0];
  const failures = new Map<number, Failure>();
  const lanes = options.threads === undefined ? LANES : 2 * options.threads.crew.size;
  await inLanes(total, lanes, async (i) => {
    if (options.signal?.aborted)
      throw new FrameworkError('evaluate/aborted', `the export was stopped after ${done} of ${total} files`, {
        hint: 'run it again with the same folder to go on from there',
      });
    const item = items[i % items.length] as number;
    const variant = variants[Math.floor(i / items.length)] as Variant;
    const extension = variant.file.format === 'jpeg' ? '.JPEG' : '.mp4';
    const path = join(folder, variant.folder, fileOf(dataset, item, extension));
    if (await exists(path)) kept++;
    else {
      const failure = await writeFile(dataset, item, path, variant, options);
      if (failure === undefined) written++;
      else failures.set(i, { key: dataset.key(item), message: failure });
    }
    options.onProgress?.({ done: ++done, kept, total });
  });
  return { written, kept, failures: [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure) };
}

/** Why the image could not be read, or undefined. */
async function writeFile(
  dataset: Dataset,
  item: number,
  path: string,
  { change, file }: Variant,
  { threads }: ExportOptions,
): Promise<string | undefined> {
  if (threads === undefined) return exportFile(loadFrom(dataset, change), { place: item, path, file });
  const source = imagesOf(threads.spec, dataset, change);
  const [failed] = await threads.crew.run({ kind: 'export', source, place: item, path, file });
  return failed?.[1];
}
