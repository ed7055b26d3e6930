import { basename, dirname, join } from 'node:path';
import type { Benchmark, PartRecord } from '../benchmark.ts';
import { BENCHMARKS, findBenchmark } from '../records.ts';
import { exists, isFolder } from '../../../util/files.ts';

/** Where a benchmark lies below a data root, or what to fetch. */
export interface Location {
  readonly benchmark: Benchmark;
  /** `partial`: some required part is missing. */
  readonly status: 'found' | 'partial' | 'missing';
  readonly root: string | undefined;
  readonly parts: readonly LocatedPart[];
  /** The benchmark's file of right answers. */
  readonly labelFile?: string;
  /** Required parts that are not there. */
  readonly missing: readonly string[];
  /** For people: where it was found, or its official name, size and layout. */
  readonly message: string;
}

export interface LocatedPart {
  readonly record: PartRecord;
  readonly path: string;
}

/** Looks for every benchmark below a folder. Reads folder names only, so it is fast on any disk. */
export async function detect(dataRoot: string): Promise<Location[]> {
  return Promise.all(BENCHMARKS.map((benchmark) => locate(benchmark, dataRoot)));
}

/**
 * Looks for one benchmark below `dataRoot`, or in `dataRoot` itself if that folder has the benchmark's name.
 * @example await locate(findBenchmark('c'), '/data')
 */
export async function locate(benchmark: Benchmark, dataRoot: string): Promise<Location> {
  const ownNames = benchmark.roots.map((root) => basename(root).toLowerCase());
  const isItself = ownNames.includes(basename(dataRoot).toLowerCase());
  const roots = [...(isItself ? [dataRoot] : []), ...benchmark.roots.map((root) => join(dataRoot, root))];
  let best: Location | undefined;
  for (const root of roots) {
    if (!(await isFolder(root))) continue;
    const found = await locateParts(benchmark, root);
    if (found.parts.length > (best?.parts.length ?? 0)) best = found;
  }
  if (!best) return absent(benchmark, dataRoot);
  if (benchmark.labelFile !== undefined) return withLabelFile(best, benchmark.labelFile, dataRoot);
  if (!benchmark.needsVal) return best;
  const val = await locate(findBenchmark('val'), dataRoot);
  const [part] = val.parts;
  if (!part)
    return {
      ...best,
      status: 'partial',
      missing: ['in (validation images)'],
      message: `${best.message}; ${val.message}`,
    };
  const within: LocatedPart = {
    record: { name: 'in', folders: [''], expected: 10_000, expectedPerClass: 50, ignoreOthers: true },
    path: part.path,
  };
  return { ...best, parts: [...best.parts, within] };
}

/** The images are of no use without their labels, which lie below the data root or beside the images. */
async function withLabelFile(found: Location, names: readonly string[], dataRoot: string): Promise<Location> {
  const roots = [dataRoot, dirname(found.root ?? dataRoot)];
  for (const path of roots.flatMap((root) => names.map((name) => join(root, name))))
    if (await exists(path)) return { ...found, labelFile: path };
  return absent(found.benchmark, dataRoot);
}

async function locateParts(benchmark: Benchmark, root: string): Promise<Location> {
  const parts: LocatedPart[] = [];
  const missing: string[] = [];
  for (const record of benchmark.parts) {
    const path = await firstFolder(record.folders.map((folder) => join(root, folder)));
    if (path !== undefined) parts.push({ record, path });
    else if (!record.optional) missing.push(record.name);
  }
  const status = missing.length === 0 ? 'found' : 'partial';
  const lacks =
    missing.length === 0 ? '' : `; missing ${missing.length} parts: ${missing.slice(0, 5).join(', ')}`;
  return { benchmark, status, root, parts, missing, message: `${benchmark.name}: ${root}${lacks}` };
}

function absent(benchmark: Benchmark, dataRoot: string): Location {
  const { archives, size, layout } = benchmark.source;
  const fetch = archives.length === 0 ? size : `${archives.join(', ')}, ${size}`;
  return {
    benchmark,
    status: 'missing',
    root: undefined,
    parts: [],
    missing: benchmark.parts.filter((part) => !part.optional).map((part) => part.name),
    message: `${benchmark.name}: not in ${dataRoot}; official data: ${fetch}; layout ${layout}`,
  };
}

async function firstFolder(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isFolder(path)) return path;
  return undefined;
}
