import { createHash } from 'node:crypto';
import type { EvalConfig } from '../../../data/transform.ts';
import type { EvaluateOptions } from './options.ts';
import type { Protocol } from './result.ts';
import type { WorkUnit } from './units.ts';

/** How the numbers are made, before any is. */
export function protocolOf(options: EvaluateOptions, units: readonly WorkUnit[]): Protocol {
  const { classifier, parts, selection = {}, difficulty = 1, normalised = true, settings } = options;
  const { imageSize, mean, std } = classifier.preprocessing;
  const ofName = new Map(parts.map((part) => [part.name, part]));
  // Points of an analysis are of the same files, which are named once.
  const ofPart = settings === undefined ? units : units.filter(({ part }) => part === parts[0]?.name);
  const files = ofPart.flatMap(({ part, items }) =>
    items.map((item) => {
      const of = ofName.get(part);
      const answers = of?.answers?.(item);
      return `${part}/${of?.keys[item] ?? ''}${answers === undefined ? '' : ` ${answers.join(' ')}`}`;
    }),
  );
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
    fileListSha256: hashLines(files),
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
export function hashLines(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
}
