/** Images of any folders, whose labels do not count: detection of unknown images. */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { isImageName, sortedOrder, type Note } from '../../../data/dataset.ts';
import { openDataset } from '../../../data/datasets.ts';
import { decodeImage } from '../../../data/image/decode.ts';
import { walkFiles } from '../../../data/readers/walk.ts';
import { FrameworkError } from '../../../util/errors.ts';
import { isFolder, readError } from '../../../util/files.ts';
import type { Benchmark } from '../benchmark.ts';
import { locate } from './locate.ts';
import { datasetPart, type Part } from './parts.ts';
import { findBenchmark } from '../records.ts';
import type { Absent, ImageOptions, Prepared } from './prepared.ts';
import type { Load } from './source.ts';

/** The image at a path below a folder. */
export function loadFile(folder: string): Load {
  return async (place) => {
    const path = join(folder, String(place));
    const bytes = await readFile(path).catch((error: unknown) => {
      throw readError(path, error);
    });
    return [await decodeImage(bytes, String(place))];
  };
}

/** All images of a folder at any depth, in the order of their paths, as one part without labels. */
export async function folderPart(folder: string, name: string): Promise<Part> {
  if (!(await isFolder(folder)))
    throw new FrameworkError('data/not-found', `${folder} is no folder that can be read`, {
      hint: 'check the path of the folder of images',
    });
  const notes: Note[] = [];
  const files = (await walkFiles(folder, '', notes)).filter(isImageName);
  if (files.length === 0)
    throw new FrameworkError('data/empty', `${folder} holds no image`, { hint: 'name a folder of images' });
  const keys = Array.from(sortedOrder(files), (i) => files[i] as string);
  return {
    name,
    classes: [name],
    keys,
    frames: 1,
    stored: null,
    fit: 'model',
    problems: notes
      .filter(({ kind }) => kind === 'broken link')
      .map(({ kind, path }) => ({ kind: 'folder', part: name, what: `${kind}: ${path}`, count: 1 })),
    source: { kind: 'files', folder },
    label: () => 0,
    place: (item) => keys[item] as string,
    load: (item) => loadFile(folder)(keys[item] as string),
    bytes: (item) => readFile(join(folder, keys[item] as string)),
    close: async () => undefined,
  };
}

/** The known images and the unknown ones that were named, or what to name. */
export async function prepareDetection(
  options: ImageOptions,
  benchmark: Benchmark,
): Promise<Prepared | Absent> {
  const { detection, selection } = options;
  if (detection?.near === undefined && detection?.far === undefined)
    return {
      kind: 'not applicable',
      benchmark,
      reason: `${benchmark.name}: no folder of unknown images was named: --near <folder>, --far <folder>`,
    };
  const unknown: Part[] = [];
  for (const name of ['near', 'far'] as const)
    if (detection[name] !== undefined) unknown.push(await folderPart(detection[name], name));
  // The last, since it may be a data set that is to be closed.
  const known = await knownPart(options);
  if (known === undefined)
    return {
      kind: 'left out',
      benchmark,
      reason: `${benchmark.name}: no known images to compare with: --known <folder>, --data or --data-root`,
    };
  const names = [
    `known ${known.title}`,
    ...(['near', 'far'] as const).flatMap((name) =>
      detection[name] === undefined ? [] : [`${name} ${basename(resolve(detection[name]))}`],
    ),
  ];
  return {
    benchmark,
    name: benchmark.name,
    parts: [known.part, ...unknown],
    problems: [],
    origin: names.join(', '),
    normalised: true,
    isRelease: false,
    selection: { limit: selection.limit },
    close: () => known.part.close(),
  };
}

async function knownPart({
  detection,
  own,
  dataRoot,
}: ImageOptions): Promise<{ part: Part; title: string } | undefined> {
  if (detection?.known !== undefined)
    return { part: await folderPart(detection.known, 'in'), title: basename(resolve(detection.known)) };
  if (own !== undefined)
    return { part: datasetPart(await openDataset(own.spec), 'in', { spec: own.spec }), title: own.title };
  const [val] = dataRoot === undefined ? [] : (await locate(findBenchmark('val'), dataRoot)).parts;
  return val === undefined
    ? undefined
    : { part: await folderPart(val.path, 'in'), title: basename(val.path) };
}
