import { FrameworkError, nearest } from '../util/errors.ts';

/** Checking of model options, which come from recipes, command lines and checkpoints' metadata. */

/** Turns a given value into the option's type or throws `model/config`. */
export type Field<T> = (value: unknown, key: string) => T;

export type Fields<C> = { readonly [K in keyof C]-?: Field<C[K]> };

/**
 * `preset` with some of its options replaced.
 * @throws FrameworkError `model/config` for an unknown option or a value it cannot take
 */
export function configure<C extends object>(
  model: string,
  fields: Fields<C>,
  preset: C,
  overrides: Readonly<Record<string, unknown>>,
): C {
  const config = { ...preset } as Record<string, unknown>;
  const known = Object.keys(fields);
  for (const [key, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(fields, key)) {
      const near = nearest(key, known);
      throw new FrameworkError('model/config', `${model} has no option ${key}.`, {
        hint: near === undefined ? `Its options are ${known.join(', ')}.` : `Did you mean ${near}?`,
      });
    }
    config[key] = fields[key as keyof C](value, `${model}: ${key}`);
  }
  return config as C;
}

function refuse(key: string, wanted: string, value: unknown): never {
  throw new FrameworkError('model/config', `${key} must be ${wanted}, got ${JSON.stringify(value)}.`);
}

export const positiveInteger: Field<number> = (value, key) =>
  typeof value === 'number' && Number.isInteger(value) && value > 0
    ? value
    : refuse(key, 'a positive integer', value);

export const oddInteger: Field<number> = (value, key) =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value % 2 === 1
    ? value
    : refuse(key, 'an odd positive integer', value);

/** A probability below 1. */
export const rate: Field<number> = (value, key) =>
  typeof value === 'number' && value >= 0 && value < 1 ? value : refuse(key, 'at least 0 and below 1', value);

export const nonNegative: Field<number> = (value, key) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? value
    : refuse(key, 'a number of at least 0', value);

export const positive: Field<number> = (value, key) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0
    ? value
    : refuse(key, 'a positive number', value);

export const flag: Field<boolean> = (value, key) =>
  typeof value === 'boolean' ? value : refuse(key, 'true or false', value);

export function oneOf<T extends string>(...choices: readonly T[]): Field<T> {
  return (value, key) =>
    choices.find((choice) => choice === value) ?? refuse(key, `one of ${choices.join(', ')}`, value);
}

export function nullable<T>(field: Field<T>): Field<T | null> {
  return (value, key) => (value === null ? null : field(value, key));
}

/** A list with one value for each stage. */
export function listOf<T>(field: Field<T>): Field<readonly T[]> {
  return (value, key) =>
    Array.isArray(value) && value.length > 0
      ? value.map((item: unknown, i) => field(item, `${key}[${i}]`))
      : refuse(key, 'a list with one value for each stage', value);
}

/** @throws FrameworkError `model/config` unless all lists have the same length */
export function sameLength(model: string, lists: Readonly<Record<string, readonly unknown[]>>): void {
  const lengths = Object.entries(lists).map(([key, list]) => `${key} ${list.length}`);
  if (new Set(Object.values(lists).map((list) => list.length)).size > 1)
    throw new FrameworkError('model/config', `${model}: the lists differ in length: ${lengths.join(', ')}.`, {
      hint: 'Give each of them one value for each stage.',
    });
}
