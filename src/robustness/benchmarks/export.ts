import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { Dataset } from '../../data/dataset.ts';
import { encodeJpeg } from '../../data/image/encode.ts';
import { inLanes } from '../../data/lanes.ts';
import type { Failure } from '../../data/render.ts';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { CORRUPTIONS, corrupt, perturb } from '../corruptions/registry.ts';
import { PERTURBATIONS } from '../corruptions/sequences.ts';
import type { Difficulty, Severity } from '../corruptions/types.ts';
import { cropTo, uncropped } from './generated.ts';
import type { Selection } from './parts.ts';
import { selectItems } from './parts.ts';
import { writeClip } from './video.ts';

export interface ExportOptions {
  readonly seed: number;
  /** Side of the stored images in pixels; 224 for ImageNet. Smaller images keep their size. */
  readonly size: number;
  readonly names?: readonly string[];
  readonly severities?: readonly Severity[];
  readonly difficulty?: Difficulty;
  readonly selection?: Selection;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ExportReport {
  readonly written: number;
  /** Files that were there before: an export goes on where it was cut off. */
  readonly kept: number;
  readonly failures: readonly Failure[];
}

/** One file of an export. */
interface Job {
  readonly item: number;
  readonly path: string;
  write(path: string): Promise<void>;
}

/** Encoding runs on the thread pool while the next image is corrupted here. */
const LANES = 3;

/**
 * Writes ImageNet-C in the layout of the release, `<folder>/<corruption>/<severity>/<class>/<file>.JPEG`, quality 85.
 * Files that exist are left alone. Unreadable images are reported, never skipped silently.
 * @throws FrameworkError `evaluate/aborted` between two files
 */
export async function exportC(
  dataset: Dataset,
  folder: string,
  options: ExportOptions,
): Promise<ExportReport> {
  const { seed, size, names = CORRUPTIONS.map(({ name }) => name), severities = [1, 2, 3, 4, 5] } = options;
  const base = cropTo(size);
  const variants = names.flatMap((name) => severities.map((severity) => ({ name, severity })));
  const jobs = variants.flatMap(({ name, severity }) =>
    items(dataset, options).map((item): Job => ({
      item,
      path: join(folder, name, String(severity), fileOf(dataset, item, '.JPEG')),
      async write(path) {
        const image = base(await dataset.read(item));
        const out = await corrupt(image, name, severity, { seed, imageNumber: item });
        await writeFileAtomic(path, await encodeJpeg(out, 85));
      },
    })),
  );
  return run(dataset, jobs, options);
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
  const { seed, size, difficulty = 1, names } = options;
  const wanted = PERTURBATIONS.filter(({ name }) => names === undefined || names.includes(name));
  const jobs = wanted.flatMap(({ name, isNoise }) =>
    items(dataset, options).map((item): Job => ({
      item,
      path: join(
        folder,
        isNoise && difficulty > 1 ? `${name}_${difficulty}` : name,
        fileOf(dataset, item, '.mp4'),
      ),
      async write(path) {
        const image = uncropped(await dataset.read(item), size);
        const side = Math.min(size, image.width, image.height);
        const frames = [...perturb(image, name, { seed, imageNumber: item, size: side, difficulty })];
        await mkdir(dirname(path), { recursive: true });
        await writeClip(`${path}.tmp`, frames, isNoise);
        await rename(`${path}.tmp`, path);
      },
    })),
  );
  return run(dataset, jobs, options);
}

function items(dataset: Dataset, options: ExportOptions): number[] {
  const keys = Array.from({ length: dataset.length }, (_, i) => dataset.key(i));
  return selectItems(keys, options.selection ?? {});
}

/** The path of a sample below its class folder, with another extension; formats without folders get their class. */
function fileOf(dataset: Dataset, item: number, extension: string): string {
  const key = dataset.key(item);
  const path = key.includes('/') ? key : join(dataset.classes[dataset.label(item)]?.id ?? '', key);
  return path.slice(0, path.length - extname(path).length) + extension;
}

async function run(dataset: Dataset, jobs: readonly Job[], options: ExportOptions): Promise<ExportReport> {
  let [written, kept, done] = [0, 0, 0];
  const failures = new Map<number, Failure>();
  await inLanes(jobs.length, LANES, async (i) => {
    if (options.signal?.aborted)
      throw new FrameworkError(
        'evaluate/aborted',
        `the export was stopped after ${done} of ${jobs.length} files`,
        {
          hint: 'run it again with the same folder to go on from there',
        },
      );
    const job = jobs[i] as Job;
    if (await exists(job.path)) kept++;
    else {
      try {
        await job.write(job.path);
        written++;
      } catch (error) {
        const isFile = error instanceof FrameworkError && /^(image|data)\//.test(error.code);
        if (!isFile) throw error;
        failures.set(i, { key: dataset.key(job.item), message: messageOf(error) });
      }
    }
    options.onProgress?.(++done, jobs.length);
  });
  return { written, kept, failures: [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure) };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // not there, or not readable: writing it will say why
  }
}
