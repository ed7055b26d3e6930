import type { Command } from 'commander';
import { DATASETS } from '../data/datasets.ts';
import { createModel, modelNames } from '../models/registry.ts';
import { countElements } from '../nn/parameters.ts';
import { listRecipes } from '../recipe/load.ts';
import { columns } from './columns.ts';
import { OPS } from '../execution/kernels.ts';

/** `largekernel models|recipes|kernels|datasets|benchmarks|attacks|analyses`: what the registries hold. */
export function addModels(command: Command): void {
  list(command, () =>
    modelNames().map((name): [string, string] => {
      const model = createModel(name);
      const count = countElements(model.parameters, 'parameter').toLocaleString('en');
      return [name, `${count} parameters, ${model.blocks.length} blocks${NOTES[name] ?? ''}`];
    }),
  );
}

/** What a model's size does not tell. */
const NOTES: Readonly<Record<string, string>> = {
  'convnext-custom':
    '; a ConvNeXt of your own size: give model.depths, model.dims, model.kernels and model.stemStride (see `largekernel init` and the recipe quickstart)',
};

export function addRecipes(command: Command): void {
  list(command, async () =>
    (await listRecipes()).map(({ name, description }): [string, string] => [name, description]),
  );
}

export function addKernels(command: Command): void {
  list(command, () =>
    OPS.map((op): [string, string] => [
      op.name,
      `${op.examples.length} example${op.examples.length === 1 ? '' : 's'}${op.gradient ? ', differentiable' : ''}`,
    ]),
  );
}

export function addDatasets(command: Command): void {
  list(command, () =>
    Object.entries(DATASETS).map(([name, { description }]): [string, string] => [name, description]),
  );
}

export function addBenchmarks(command: Command): void {
  list(command, async () => {
    const { BENCHMARKS } = await import('../robustness/benchmarks/records.ts');
    return BENCHMARKS.map(({ id, name, description }): [string, string] => [id, `${name}: ${description}`]);
  });
}

export function addAttacks(command: Command): void {
  list(command, async () => {
    const { ATTACKS } = await import('../robustness/attacks/registry.ts');
    return ATTACKS.map(({ id, description }): [string, string] => [id, description]);
  });
}

export function addAnalyses(command: Command): void {
  list(command, async () => {
    const { ANALYSES } = await import('../robustness/analyses/registry.ts');
    return ANALYSES.map(({ id, description }): [string, string] => [id, description]);
  });
}

function list(command: Command, rows: () => [string, string][] | Promise<[string, string][]>): void {
  command.option('--json', 'JSON on standard output').action(async ({ json }: { json?: boolean }) => {
    const table = await rows();
    if (json) process.stdout.write(`${JSON.stringify(Object.fromEntries(table), null, 2)}\n`);
    else process.stdout.write(columns(table, process.stdout.columns));
  });
}
