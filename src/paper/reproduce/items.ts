/** What each table and figure takes. */
import { FrameworkError, nearest } from '../../util/errors.ts';

/** A table or figure that can be reproduced. */
export interface Item {
  readonly id: string;
  /** Benchmarks, analyses and attacks, as results name them. */
  readonly needs: readonly string[];
  /** What the rehearsal measures where its images are not of ImageNet's classes; default: `needs`. */
  readonly instead: readonly string[];
  /** Which small models of the rehearsal it is about. */
  readonly models: 'all' | 'kernels' | 'robust';
}

function of(
  id: string,
  needs: readonly string[],
  models: Item['models'] = 'all',
  instead: readonly string[] = needs,
): Item {
  return { id, needs, models, instead };
}

/** In the order of the papers. */
export const ITEMS: readonly Item[] = [
  of('table1', ['c']),
  of('table2', ['p']),
  of('table3', ['9']),
  of('table4', ['attack-saved']),
  of('table5', ['a', 'c', 'r', 'o', 'occlusion', 'frequency']),
  of('table6', ['val', 'a', 'r', 'c']),
  of('table7', ['val', 'a', 'r'], 'kernels', ['c']),
  of('robust-resnets', ['val', 'stylized', 'c', 'r', 'sketch'], 'robust'),
  of('figure1', ['val']),
  of('figure2', ['a', 'c', 'o']),
  of('figure3', ['r']),
  of('figure4', ['occlusion']),
  of('figure5', ['occlusion']),
  of('figure6', ['attack-fgsm', 'attack-pgd']),
  of('figure7', ['lesion']),
  of('figure8', ['frequency']),
  of('figure9', ['kernel-distance']),
  of('figure10', ['variance']),
];

export const EVERYTHING = 'all';

/** The items of a name; `all` is all. @throws FrameworkError `cli/option` */
export function itemsOf(name: string): readonly Item[] {
  if (name === EVERYTHING) return ITEMS;
  const found = ITEMS.filter(({ id }) => id === name.toLowerCase());
  if (found.length > 0) return found;
  const ids = [...ITEMS.map(({ id }) => id), EVERYTHING];
  const near = nearest(name, ids);
  const why =
    name === 'table8'
      ? 'Nothing is known of Table 8: no source here has it.'
      : `There is no table or figure ${name}.`;
  throw new FrameworkError('cli/option', why, {
    hint: near === undefined || name === 'table8' ? `There are ${ids.join(', ')}.` : `Did you mean ${near}?`,
  });
}
