import { createHash } from 'node:crypto';
import type { EvalConfig } from '../../../data/transform.ts';
import { defined } from '../../../util/errors.ts';
import { filesSha256 } from '../images/files-sha256.ts';
import type { EvaluateOptions } from './options.ts';
import type { Protocol } from './result.ts';
import type { WorkUnit } from './units.ts';

/** How the numbers are made, before any is. */
export async function protocolOf(options: EvaluateOptions, units: readonly WorkUnit[]): Promise<Protocol> {
  const { classifier, parts, selection = {}, difficulty = 1, normalised = true, settings } = options;
  const { imageSize, mean, std } = classifier.preprocessing;
  const ofName = new Map(parts.map((part) => [part.name, part]));
  // Points of an analysis are of the same files, which are named once.
  const ofPart = settings === undefined ? units : units.filter(({ part }) => part === parts[0]?.name);
  const itemsOf = new Map<string, number[]>();
  for (const { part, items } of ofPart) {
    const all = itemsOf.get(part) ?? [];
    for (const item of items) all.push(item);
    itemsOf.set(part, all);
  }
  const files = [...itemsOf].map(([part, items]) => ({ part: defined(ofName.get(part), part), items }));
  const limit =
    selection.limit === undefined ? [] : [`${selection.limit} images of each part, evenly spaced`];
  return {
    dataOrigin: options.origin,
    preprocessing: preprocessingOf(options),
    normalization: `mean ${mean.join(' ')}, std ${std.join(' ')}`,
    imageSize,
    weights: classifier.weights ?? 'file',
    subset: [...(selection.subset ? [selection.subset] : []), ...limit].join(', ') || 'all',
    parts: partWords(parts.map(({ name }) => name)),
    difficulty,
    normaliser: normalised === true ? 'AlexNet' : `none: ${normalised.not}`,
    classListSha256: hashLines(parts[0]?.classes ?? []),
    fileListSha256: await filesSha256(files),
    ...(settings === undefined ? {} : { settings }),
  };
}

/** From the stored image to the model's input, in words. */
function preprocessingOf({ classifier, framing, parts }: EvaluateOptions): string {
  const { imageSize, evalConfig } = classifier.preprocessing;
  if (framing !== undefined) return framing;
  const stored = parts[0]?.stored ?? null;
  if (stored === null) return describeEval(evalConfig);
  return stored === imageSize
    ? `as stored at ${stored} px`
    : `stored at ${stored} px, resized to ${imageSize} ${evalConfig.interpolation}`;
}

export function describeEval({ resize, crop, squash, interpolation }: EvalConfig): string {
  const resized =
    resize === null ? 'no resize' : `${squash ? 'squash' : 'short side'} ${resize} ${interpolation}`;
  return `${resized}, ${crop === null ? 'no crop' : `centre crop ${crop}`}`;
}

/** `fog 1, 3, 5; snow 3`, or the names of parts that have no severities. */
function partWords(names: readonly string[]): string {
  const severities = new Map<string, string[]>();
  for (const part of names) {
    const [name = '', severity] = part.split('/');
    const known = severities.get(name) ?? [];
    const isNew = severity !== undefined && !known.includes(severity); // parts may differ in a repetition besides
    severities.set(name, isNew ? [...known, severity] : known);
  }
  return [...severities]
    .map(([name, list]) => (list.length === 0 ? name : `${name} ${list.join(', ')}`))
    .join('; ');
}

/** SHA-256 of lines. */
function hashLines(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
}
