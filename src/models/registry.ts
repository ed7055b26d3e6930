import { FrameworkError, nearest } from '../util/errors.ts';
import { convnext } from './convnext.ts';
import type { Model, ModelFamily } from './model.ts';
import { replknet } from './replknet.ts';
import { resnetBasic, resnetBottleneck, resnetCifar } from './resnet.ts';

/** All families; a new one is one line here. */
export const families: readonly ModelFamily[] = [
  convnext,
  replknet,
  resnetBasic,
  resnetBottleneck,
  resnetCifar,
];

export function modelNames(): string[] {
  return families.flatMap((family) => family.presets);
}

/**
 * A model by name, with some of its options replaced.
 * @throws FrameworkError `model/unknown`, `model/config`
 * @example createModel('convnext-t', { kernels: [31, 29, 27, 13], classes: 100, dropPath: 0.1 })
 */
export function createModel(name: string, overrides: Readonly<Record<string, unknown>> = {}): Model {
  const family = families.find(({ presets }) => presets.includes(name));
  if (family !== undefined) return family.create(name, overrides);
  const names = modelNames();
  const near = nearest(name, names);
  throw new FrameworkError('model/unknown', `There is no model ${name}.`, {
    hint: near === undefined ? `Models: ${names.join(', ')}.` : `Did you mean ${near}?`,
  });
}
