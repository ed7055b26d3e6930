/** Writes docs/recipes.md from the schema and the recipe files: `npx tsx scripts/recipe-docs.ts`. */
import { fileURLToPath } from 'node:url';
import { listRecipes } from '../src/recipe/load.ts';
import { recipeReference } from '../src/recipe/reference.ts';
import { writeFileAtomic } from '../src/util/files.ts';

const path = fileURLToPath(new URL('../docs/recipes.md', import.meta.url));
await writeFileAtomic(path, recipeReference(await listRecipes()));
