import { FrameworkError, nearest } from '../util/errors.ts';
import * as listed from './families.ts';
import type { ModelFamily } from './family.ts';
import type { Model } from './model.ts';

/** By name, in whatever order a module loader lists them. */
export const families: readonly ModelFamily[] = Object.values(listed).sort((a, b) =>
  a.name < b.name ? -1 : 1,
);

export function modelNames(): string[] {
  return families.flatMap((family) => family.presets);
}

/**
 * The family that a model is a preset of.
 * @throws FrameworkError `model/unknown`
 */
export function familyOf(name: string): ModelFamily {
  const family = families.find(({ presets }) => presets.includes(name));
  if (family !== undefined) return family;
  const names = modelNames();
  const near = nearest(name, names);
  throw new FrameworkError('model/unknown', `There is no model ${name}.`, {
    hint: near === undefined ? `Models: ${names.join(', ')}.` : `Did you mean ${near}?`,
  });
}

/**
 * A model by name, with some of its options replaced; null leaves one as it is.
 * @throws FrameworkError `model/unknown`, `model/config`
 * @example createModel('convnext-t', { kernels: [31, 29, 27, 13], classes: 100, dropPath: 0.1 })
 */
export function createModel(name: string, overrides: Readonly<Record<string, unknown>> = {}): Model {
  return familyOf(name).create(name, overrides);
}
