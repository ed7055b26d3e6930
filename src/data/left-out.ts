/** Files beside the images that are not used, in a few lines. Every command that reads images prints them before it starts. */
import { extensionOf } from './dataset.ts';
import type { Note } from './dataset.ts';

/** Kinds that concern no single file are said one by one. */
const ONE_BY_ONE: Partial<Record<Note['kind'], string>> = {
  'empty class': 'no image can be read in the class',
  'duplicate class': 'one class under two names',
  'link loop': 'a link that leads back into its own folder',
  'missing shard': 'shards that are not there',
  'no cache': 'the index cannot be kept for the next time',
};
const MOST = 5;

/**
 * One line for each extension that was left out, with their number and an example, and one for each class without images.
 * @example leftOut('photos/train', dataset.notes) // ['photos/train: 3 .heic files are left out, for example cat/1.heic']
 */
export function leftOut(place: string, notes: readonly Note[]): string[] {
  const groups = new Map<string, Note[]>();
  const single = new Map<string, Note[]>();
  for (const note of notes) {
    const said = ONE_BY_ONE[note.kind];
    const [map, key] = said === undefined ? [groups, describe(note)] : [single, said];
    const group = map.get(key);
    if (group === undefined) map.set(key, [note]);
    else group.push(note);
  }
  const counted = [...groups].map(
    ([what, { length, 0: first }]) =>
      `${place}: ${length} ${what}${length === 1 ? '' : 's'} left out, ${length === 1 ? '' : 'for example '}${first?.path ?? ''}`,
  );
  const named = [...single].map(([what, group]) => {
    const paths = group.slice(0, MOST).map(({ path }) => path);
    return `${place}: ${what}: ${paths.join(', ')}${group.length > MOST ? `, … (${group.length})` : ''}`;
  });
  return [...counted, ...named];
}

function describe({ kind, path }: Note): string {
  if (kind === 'broken link') return 'broken link';
  const extension = extensionOf(path);
  const what = extension === '' ? 'file without extension' : `.${extension} file`;
  return kind === 'hidden' ? 'hidden file' : what;
}
