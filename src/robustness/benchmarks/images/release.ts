import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { classList } from '../../../data/classes.ts';
import type { ClassTarget, DatasetSpec } from '../../../data/dataset.ts';
import { openDataset } from '../../../data/datasets.ts';
import { FrameworkError, messageOf } from '../../../util/errors.ts';
import type { Difficulty } from '../../corruptions/types.ts';
import type { Benchmark } from '../benchmark.ts';
import { countProblems, isImagenet, nameProblems, sameFilesProblems } from './release-checks.ts';
import type { Location, LocatedPart } from './locate.ts';
import { datasetPart, extraProblems } from './parts.ts';
import type { Part, Problem } from './parts.ts';
import { reassessedPart } from './reassessed.ts';
import { readClip } from './video.ts';

export interface OpenOptions {
  /** ImageNet-P; default 1. */
  readonly difficulty?: Difficulty;
  /** Side of the stored images where it is not the release's. */
  readonly stored?: number;
  /** What labels of validation images count in; default ImageNet's. Those of the other benchmarks are known. */
  readonly valClasses?: ClassTarget;
}

/**
 * Opens every part that was found, and checks names and counts against the release; what is missing or other becomes a problem of the
 * result.
 */
export async function openRelease(
  location: Location,
  { difficulty = 1, stored, valClasses = classList('imagenet-1k') }: OpenOptions = {},
): Promise<{ parts: Part[]; problems: Problem[] }> {
  const { benchmark } = location;
  const problems: Problem[] = location.missing.map((name) => ({
    kind: 'missing part',
    part: name,
    what: `no folder ${name} of ${benchmark.name} (${benchmark.source.layout})`,
    count: 1,
  }));
  const parts: Part[] = [];
  for (const located of location.parts) {
    try {
      parts.push(
        benchmark.items === 'clips'
          ? await openClips(benchmark, located, difficulty)
          : await openImages(location, located, stored, valClasses),
      );
    } catch (error) {
      if (!(error instanceof FrameworkError)) throw error;
      problems.push({ kind: 'missing part', part: located.record.name, what: messageOf(error), count: 1 });
    }
  }
  if (benchmark.variants !== undefined) problems.push(...sameFilesProblems(parts));
  return { parts, problems };
}

async function openImages(
  { benchmark, labelFile }: Location,
  { record, path }: LocatedPart,
  stored: number | undefined,
  valClasses: ClassTarget,
): Promise<Part> {
  const classes = benchmark.isClean || labelFile !== undefined ? valClasses : 'folders';
  const spec: DatasetSpec = { kind: 'folder', root: path, split: '', classes };
  const part = datasetPart(await openDataset(spec), record.name, {
    spec,
    classes: benchmark.labels?.(),
    ignoreOthers: record.ignoreOthers === true,
    stored: benchmark.stored === null ? null : (stored ?? benchmark.stored),
  });
  // Any other validation folder is as large as it is.
  const isRelease = !benchmark.isClean || isImagenet(part.classes);
  if (!isRelease) return part;
  const names = benchmark.ofValidation ? nameProblems(part) : [];
  const checked = {
    ...part,
    problems: [...part.problems, ...names, ...countProblems(part, record, 'images')],
  };
  return labelFile === undefined ? checked : reassessedPart(checked, labelFile);
}

/** Clips `<wnid>/*.mp4`; labels are not needed. Harder noise lies in `gaussian_noise_2` and so on. */
async function openClips(benchmark: Benchmark, located: LocatedPart, difficulty: Difficulty): Promise<Part> {
  const { record } = located;
  const isHarder = difficulty > 1 && record.name.includes('noise');
  const path = isHarder ? `${located.path}_${difficulty}` : located.path;
  const keys = await clipsIn(path);
  const frames = benchmark.frames(record.name);
  const classes = benchmark.labels?.() ?? [];
  const labelOf = new Map(classes.map((id, label) => [id, label]));
  const extra = new Map<string, number>();
  const wanted = keys.filter((key) => {
    const folder = folderOf(key);
    if (labelOf.has(folder)) return true;
    extra.set(folder, (extra.get(folder) ?? 0) + 1);
    return false;
  });
  const part: Part = {
    name: record.name,
    classes,
    keys: wanted,
    frames,
    stored: benchmark.stored,
    fit: 'input',
    problems: extraProblems(record.name, extra),
    source: { kind: 'clips', folder: path, frames },
    label: (item) => labelOf.get(folderOf(wanted[item] as string)) as number,
    place: (item) => wanted[item] as string,
    load: (item) => readClip(join(path, wanted[item] as string), frames),
    bytes: (item) => readFile(join(path, wanted[item] as string)),
    close: async () => undefined,
  };
  const checked = [...nameProblems(part), ...countProblems(part, record, 'clips')];
  return { ...part, problems: [...part.problems, ...checked] };
}

function folderOf(key: string): string {
  return key.split('/')[0] as string;
}

async function clipsIn(path: string): Promise<string[]> {
  const folders = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw new FrameworkError('data/not-found', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  });
  const keys: string[] = [];
  for (const folder of folders.filter((entry) => entry.isDirectory()).sort(byName)) {
    const files = await readdir(join(path, folder.name));
    for (const file of files.sort()) if (file.endsWith('.mp4')) keys.push(`${folder.name}/${file}`);
  }
  return keys;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}
