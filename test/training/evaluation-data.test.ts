import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadRecipe } from '../../src/recipe/load.ts';
import { evaluationData, type ResolvedWeights } from '../../src/training/evaluation/evaluate-weights.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { temporaryFolder } from '../data/fixtures.ts';

it('a data folder that is too deep or too high is told from the right one, which is named', async () => {
  const above = temporaryFolder();
  const root = join(above, 'photos');
  mkdirSync(join(root, 'val', 'ant'), { recursive: true });
  mkdirSync(join(root, 'test'));
  const { recipe } = await loadRecipe('convnext-atto', ['data.dataset=image-folder', 'data.root=x']);
  const resolved = { data: recipe.data, classes: { target: { name: 'w', count: 2 } } } as ResolvedWeights;
  const hint = (folder: string) => {
    try {
      evaluationData(resolved, folder, undefined);
    } catch (error) {
      if (error instanceof FrameworkError) return error.hint;
      throw error;
    }
    return 'taken';
  };
  expect(hint(root)).toBe('taken');
  expect(hint(join(root, 'test'))).toBe(
    `It seems to be a split itself: give the folder above it, --data ${root}, with --split test for these images.`,
  );
  expect(hint(join(root, 'val', 'ant'))).toBe(`It seems to be a class of val: give --data ${root}.`);
  expect(hint(above)).toBe(`It is too high: ${root} has one; give --data ${root}.`);
});
