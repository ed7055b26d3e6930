import type { Image } from '../../data/image/image.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { Corruption, CorruptionGroup, Draws, ParameterSet } from './types.ts';
import { parameterSetOf } from './types.ts';

/** Parameters of severities 1 … 5. */
export type Five<P> = readonly [P, P, P, P, P];

interface Definition<P> {
  readonly name: string;
  readonly group: CorruptionGroup;
  readonly deterministic: boolean;
  /** hendrycks/robustness ImageNet-C/create_c/make_imagenet_c.py */
  readonly imagenet: Five<P>;
  /** hendrycks/robustness ImageNet-C/create_c/make_cifar_c.py; absent: ImageNet's at every size */
  readonly cifar?: Five<P>;
  run(image: Image, parameters: P, draws: Draws, parameterSet: ParameterSet): Image | Promise<Image>;
}

/** A registry record from its two parameter tables and the function that applies one row of them. */
export function defineCorruption<P>(definition: Definition<P>): Corruption {
  const { name, group, deterministic } = definition;
  return {
    name,
    group,
    benchmark: 'C',
    deterministic,
    async apply(image, severity, draws, parameterSet = parameterSetOf(image)) {
      if (severity === 0) return image;
      const parameters = (definition[parameterSet] ?? definition.imagenet)[severity - 1];
      if (parameters === undefined)
        throw new FrameworkError('corruption/severity', `${name}: severity ${severity as number} asked for`, {
          hint: 'severities are 0 (the image itself) to 5',
        });
      return definition.run(image, parameters, draws, parameterSet);
    },
  };
}
