/** Files that commands write. */
import { statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { FrameworkError } from '../util/errors.ts';
import { ifThereSync } from '../util/files.ts';

/** Parses the name of a file whose ending says what it is: `.onnx`. */
export function endingIn(ending: string): (text: string) => string {
  return (text) => {
    if (text.endsWith(ending)) return text;
    throw new InvalidArgumentError(`a name that ends in ${ending} is wanted.`);
  };
}

/** @throws FrameworkError `cli/option` where a file would be written over the one that it is made of */
export function checkNotOver(input: string, output: string): void {
  if (!isSamePlace(input, output)) return;
  throw new FrameworkError('cli/option', `${output} is the file that is read.`, {
    hint: 'Give the output another name.',
  });
}

/** @throws FrameworkError `cli/option` where two outputs would be one file */
export function checkApart(outputs: Readonly<Record<string, string | undefined>>): void {
  const given = Object.entries(outputs).flatMap(([flag, path]) =>
    path === undefined ? [] : [{ flag, path }],
  );
  for (const [i, { flag, path }] of given.entries()) {
    const other = given.slice(0, i).find((before) => resolve(before.path) === resolve(path));
    if (other !== undefined)
      throw new FrameworkError('cli/option', `${other.flag} and ${flag} would both write ${path}.`, {
        hint: 'Give them different names.',
      });
  }
}

/** Whether `path` is `folder` or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return way === '' || !(way === '..' || way.startsWith(join('..', '')) || resolve(way) === way);
}

/** Whether two names are of one file or folder, links and spellings aside. */
function isSamePlace(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => ifThereSync(path, (at) => statSync(at)));
  if (one === undefined || other === undefined) return false;
  return one.dev === other.dev && one.ino === other.ino;
}
