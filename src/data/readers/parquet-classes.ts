/** The classes of parquet files: strings or numbers in their rows, and names in their metadata. */
import type { FileMetaData } from 'hyparquet';
import { imagenetClasses } from '../classes.ts';
import { classOf, namedClasses, numberedClasses } from '../found-classes.ts';
import type { FoundClasses } from '../found-classes.ts';
import { FrameworkError } from '../../util/errors.ts';

/** What the files say of their classes. */
export interface ClassColumns {
  readonly keys: readonly string[];
  readonly labels: number[];
  /** Labels that are strings. */
  readonly ids: string[] | undefined;
  /** Names of the classes, if the files have them. */
  readonly names: string[] | undefined;
}

/** One number must mean one class in all files. @throws FrameworkError `data/mixed-classes` */
export function sameNames(
  files: readonly { readonly path: string; readonly names: string[] | undefined }[],
): string[] | undefined {
  const [first] = files;
  const other = files.find(({ names }) => JSON.stringify(names) !== JSON.stringify(first?.names));
  if (first === undefined || other === undefined) return first?.names;
  const shown = (names: readonly string[] | undefined) =>
    names === undefined ? 'names no classes' : `names its classes ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  throw new FrameworkError(
    'data/mixed-classes',
    `${first.path} ${shown(first.names)}, but ${other.path} ${shown(other.names)}: a number would mean two things`,
    { hint: 'write the files again with one list of classes' },
  );
}

/** All numbers or all strings. @throws FrameworkError `data/bad-label` */
export function oneKind(
  keys: readonly string[],
  labels: readonly (number | string)[],
): Pick<ClassColumns, 'ids' | 'labels'> {
  const ids = labels.filter((label) => typeof label === 'string');
  if (ids.length === 0) return { ids: undefined, labels: labels as number[] };
  if (ids.length === labels.length && !ids.includes('')) return { ids, labels: [] };
  const missing = labels.findIndex((label) => typeof label !== 'string' || label === '');
  throw new FrameworkError('data/bad-label', `${keys[missing] ?? missing} has no label, while others are strings such as "${ids[0] ?? ''}"`, {
    hint: 'fill in the column, or leave the row out',
  });
}

/** The `ClassLabel` names that the `datasets` library stores in the file. */
export function classNames(
  metadata: FileMetaData,
  { name: label, type }: { readonly name: string; readonly type: string },
): string[] | undefined {
  if (type === 'BOOLEAN') return ['false', 'true'];
  const stored = metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (stored === undefined) return undefined;
  try {
    const { info } = JSON.parse(stored) as { info?: { features?: Record<string, { names?: unknown }> } };
    const names = info?.features?.[label]?.names;
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
  } catch {
    return undefined; // names are an extra; the labels are numbers
  }
}

export function classesFor({ keys, labels, ids, names }: ClassColumns): FoundClasses {
  if (ids !== undefined) return namedClasses(ids);
  if (names === undefined) return numberedClasses(keys, labels);
  return { classes: areImagenets(names) ? imagenetClasses() : names.map(classOf), labels, numbered: false };
}


/** Names that begin as ImageNet's words do, each in its place: a few lists spell some otherwise, none puts most of them elsewhere. */
function areImagenets(names: readonly string[]): boolean {
  const imagenet = imagenetClasses();
  const alike = imagenet.filter(({ name }, i) => names[i]?.toLowerCase().startsWith(name.toLowerCase()) === true);
  return names.length === imagenet.length && alike.length >= 0.9 * imagenet.length;
}
