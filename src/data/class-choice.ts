/** The value of a recipe's `data.classes`: the source of the class list. */
import { CLASS_LISTS, classList, type ClassListName } from './classes.ts';
import type { ClassInfo, ClassTarget } from './dataset.ts';
import { classOf } from './found-classes.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { ifThereSync } from '../util/files.ts';
import { readFileSync, statSync } from 'node:fs';

const WNID_AND_NAME = /^n\d{8}\s/;

/**
 * The list that a choice names. `auto`: the data set's own if it has one, else the classes found, which must be of one kind;
 * `folders`: those found; a name of {@link CLASS_LISTS}; or a file, see {@link parseClassFile}.
 * @param own of the data set @returns undefined for what `auto` finds
 * @throws FrameworkError `data/unknown-classes`, `data/bad-classes`
 */
export function chosenClasses(choice: string, own: ClassListName | null): ClassTarget | undefined {
  if (choice === 'auto') return own === null ? undefined : classList(own);
  if (choice === 'folders') return 'folders';
  const known = CLASS_LISTS.find((name) => name === choice);
  if (known !== undefined) return classList(known);
  if (ifThereSync(choice, (path) => statSync(path))?.isFile() === true)
    return { name: choice, classes: parseClassFile(choice, readFileSync(choice, 'utf8')) };
  const near = nearest(choice, ['auto', 'folders', ...CLASS_LISTS]);
  throw new FrameworkError('data/unknown-classes', `data.classes is ${choice}, which is no class list and no file`, {
    hint:
      near === undefined
        ? `take folders, ${CLASS_LISTS.join(', ')}, or a file with one class per line`
        : `did you mean ${near}?`,
  });
}

/**
 * One class per line, in the order of the model's outputs: an id, and after a tab (after a wnid, a space will do) a name for
 * people. @throws FrameworkError `data/bad-classes`
 */
export function parseClassFile(path: string, text: string): ClassInfo[] {
  const classes = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [id = line, name] = WNID_AND_NAME.test(line) ? [line.slice(0, 9), line.slice(9)] : line.split('\t');
      return name === undefined ? classOf(id) : { id: id.trim(), name: name.trim() };
    });
  const bad = (what: string) =>
    new FrameworkError('data/bad-classes', `the class list ${path} ${what}`, { hint: 'it has one class per line' });
  if (classes.length < 2) throw bad(`has ${classes.length} classes; at least 2 are wanted`);
  const ids = classes.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw bad(`has "${twice}" twice`);
  return classes;
}
