/** ImageNet-ReaL: the validation images with all labels that are right (google-research/reassessed-imagenet, real.json). */
import { FrameworkError } from '../../../util/errors.ts';
import { readJson } from '../../../util/files.ts';
import type { Part, Problem } from './parts.ts';
import { valNumber } from './selection.ts';

/** Lists in the released file, one for each validation image. */
const RELEASED = 50_000;

/**
 * The images of `part` that have a reassessed label. Those without one are left out, as the authors say, and counted.
 * @param path list i holds the class indices of `ILSVRC2012_val_<i+1>`
 * @throws FrameworkError `data/labels` if the file is no list of lists of class indices
 */
export async function reassessedPart(part: Part, path: string): Promise<Part> {
  const lists = await readLists(path, part.classes.length);
  const answersOf = (key: string): readonly number[] => lists[valNumber(key) - 1] ?? [];
  const named = [...part.keys.keys()].filter((item) => valNumber(part.keys[item] as string) > 0);
  const wanted = named.filter((item) => answersOf(part.keys[item] as string).length > 0);
  const at = (item: number): number => wanted[item] as number;
  const { bytes } = part;
  const count: Problem[] =
    lists.length === RELEASED
      ? []
      : [
          {
            kind: 'count',
            part: part.name,
            what: `${path} has labels of ${lists.length} images, the release has ${RELEASED}`,
            count: Math.abs(lists.length - RELEASED),
          },
        ];
  return {
    ...part,
    keys: wanted.map((item) => part.keys[item] as string),
    problems: [...part.problems, ...count],
    unlabelled: named.length - wanted.length,
    label: (item) => part.label(at(item)),
    answers: (item) => answersOf(part.keys[at(item)] as string),
    place: (item) => part.place(at(item)),
    load: (item) => part.load(at(item)),
    ...(bytes && { bytes: (item: number) => bytes(at(item)) }),
  };
}

async function readLists(path: string, classes: number): Promise<readonly (readonly number[])[]> {
  const lists = await readJson(path);
  const isLabel = (label: unknown): boolean =>
    Number.isInteger(label) && (label as number) >= 0 && (label as number) < classes;
  const wrong = Array.isArray(lists)
    ? lists.findIndex((list: unknown) => !Array.isArray(list) || !list.every(isLabel))
    : 0;
  if (wrong < 0) return lists as number[][];
  throw new FrameworkError(
    'data/labels',
    `${path} holds no labels: entry ${wrong} is no list of class indices from 0 to ${classes - 1}`,
    { hint: 'fetch real.json of google-research/reassessed-imagenet again' },
  );
}
