import { expect, it } from 'vitest';
import { imagenetClasses } from '../../../src/data/classes.ts';
import { classesFor } from '../../../src/data/readers/parquet-classes.ts';

const found = (names: string[]) => classesFor({ keys: ['a'], labels: [2], ids: undefined, names }).classes;

it('a thousand names are ImageNet’s where each stands in its place, not where the first does', () => {
  const words = imagenetClasses().map(({ name }) => `${name}, another word`);
  expect(found(words)).toBe(imagenetClasses());
  const [first = '', ...rest] = words;
  const moved = [first, ...rest.reverse()];
  expect(found(moved).map(({ id }) => id)).toEqual(moved);
});
