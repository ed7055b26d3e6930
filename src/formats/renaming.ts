/** Renaming tensors: what each new name is made of. */
import { FrameworkError } from '../util/errors.ts';
import type { Rule } from './name-rules.ts';

export type { Rule };

/** Shapes of tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** How a renamed tensor is made: every source is reshaped to `view`, transposed by `axes`, and concatenated along the first axis. */
export interface Origin {
  readonly sources: readonly string[];
  readonly view: readonly number[];
  /** axis d of the result is axis axes[d] of the view; nothing to transpose without it */
  readonly axes?: readonly number[];
  /** Only the first, second or last third along the first axis is taken: query, key or value of a joint weight. */
  readonly third?: number;
  readonly shape: readonly number[];
}

export type Renaming = ReadonlyMap<string, Origin>;

/** What becomes of a tensor besides its name. */
export type Reshape = (
  name: string,
  shape: readonly number[],
) => Omit<Origin, 'sources' | 'view'> & { view?: readonly number[] };

/** Every tensor under the name that `rules` make of its own, one replacement after the other. */
export function rename(shapes: Shapes, rules: readonly Rule[], reshape: Reshape): Renaming {
  const renamed = new Map<string, Origin>();
  for (const [source, sourceShape] of shapes) {
    let name = source;
    // Both kinds of replacement are valid; the signatures of `replace` do not take their union.
    for (const [from, to] of rules)
      name = typeof to === 'string' ? name.replace(from, to) : name.replace(from, to);
    const { axes, shape, view } = reshape(name, sourceShape);
    addOrigin(renamed, name, {
      sources: [source],
      view: view ?? sourceShape,
      shape,
      ...(axes === undefined ? {} : { axes }),
    });
  }
  return renamed;
}

/** @throws FrameworkError `formats/name-clash` where the name is taken */
export function addOrigin(renamed: Map<string, Origin>, name: string, origin: Origin): void {
  const other = renamed.get(name);
  if (other !== undefined)
    throw new FrameworkError(
      'formats/name-clash',
      `${origin.sources.join(', ')} and ${other.sources.join(', ')} would both be named ${name}`,
    );
  renamed.set(name, origin);
}

/** Every tensor under the name it has. */
export function sameNames(shapes: Shapes): Renaming {
  return rename(shapes, [], (_, shape) => ({ shape }));
}
