import type { Command } from 'commander';
import { DATASETS } from '../data/datasets.ts';
import { OPS } from '../kernels/registry.ts';
import { createModel, modelNames } from '../models/registry.ts';
import { countElements } from '../nn/parameters.ts';
import { listRecipes } from '../recipe/load.ts';

/** `largekernel models|recipes|kernels|datasets`: what the registries hold. */
export function addLists(program: Command): void {
  add(program, 'models', 'list the models', () =>
    modelNames().map((name): [string, string] => {
      const model = createModel(name);
      return [
        name,
        `${countElements(model.parameters, 'parameter').toLocaleString('en')} parameters, ${model.blocks.length} blocks`,
      ];
    }),
  );
  add(program, 'recipes', 'list the recipes', async () =>
    (await listRecipes()).map(({ name, description }): [string, string] => [name, description]),
  );
  add(program, 'kernels', 'list the ops that have kernels', () =>
    OPS.map((op): [string, string] => [
      op.name,
      `${op.examples.length} example${op.examples.length === 1 ? '' : 's'}${op.gradient ? ', differentiable' : ''}`,
    ]),
  );
  add(program, 'datasets', 'list the data sets known by name', () =>
    Object.entries(DATASETS).map(([name, { description }]): [string, string] => [name, description]),
  );
}

function add(
  program: Command,
  name: string,
  description: string,
  rows: () => [string, string][] | Promise<[string, string][]>,
): void {
  program
    .command(name)
    .description(description)
    .option('--json', 'JSON on standard output')
    .action(async ({ json }: { json?: boolean }) => {
      const table = await rows();
      const width = Math.max(...table.map(([key]) => key.length));
      if (json) process.stdout.write(`${JSON.stringify(Object.fromEntries(table), null, 2)}\n`);
      else for (const [key, text] of table) process.stdout.write(`${key.padEnd(width)}  ${text}\n`);
    });
}
