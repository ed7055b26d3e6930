/** The learning rate a recipe trains at, and whether it was given for its batch. */
import type { Recipe } from './schema.ts';
import { recipeSchema } from './schema.ts';
import type { ScalarTree, Tree } from './tree.ts';

interface RateConfig {
  readonly batch: { readonly size: number };
  readonly optimizer: { readonly lr: number; readonly lrPer: number | null };
}

/** Peak learning rate: `lr`, scaled to the batch where the recipe says what batch it was given for. */
export function peakRate({ optimizer, batch }: RateConfig): number {
  const { lr, lrPer } = optimizer;
  return lrPer === null ? lr : (lr * batch.size) / lrPer;
}

/**
 * Warns where the batch was changed and the rate was not, neither by a number of its own nor by `lrPer`.
 * @param tree the merged layers of the recipe
 */
export function rateWarning(tree: Tree, recipe: Recipe): readonly string[] {
  const { size } = recipe.batch;
  const batch = scalarAt(tree, ['batch', 'size']);
  const lr = scalarAt(tree, ['optimizer', 'lr']);
  if (recipe.optimizer.lrPer !== null || batch === undefined || lr === undefined) return [];
  if (layerOf(batch) === layerOf(lr) || lr.source === COMMAND_LINE) return [];
  const below = batch.over ?? [];
  // The batch of the file that gave the rate; else the nearest below.
  const given = below.find((value) => layerOf(value) === layerOf(lr)) ?? below[0];
  const other = given?.value ?? recipeSchema.fields.batch.fields.size.default;
  if (typeof other !== 'number' || other === size) return [];
  const scaled = Number(((recipe.optimizer.lr * size) / other).toPrecision(3));
  return [
    `warning: the batch is ${size}, but optimizer.lr ${recipe.optimizer.lr} (${lr.source}) was given for ${other}; ` +
      `--set optimizer.lrPer=${other} scales it to ${scaled}, --set optimizer.lr=… gives another`,
  ];
}

const COMMAND_LINE = 'command line';

function layerOf({ source }: ScalarTree): string {
  return source.replace(/:\d+$/, '');
}

function scalarAt(tree: Tree | undefined, path: readonly string[]): ScalarTree | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return tree?.kind === 'scalar' ? tree : undefined;
  return tree?.kind === 'map' ? scalarAt(tree.entries.get(key), rest) : undefined;
}
