import type { Command } from 'commander';
import { openDevice } from '../device/device.ts';
import { loadRecipe } from '../recipe/load.ts';
import { classCountOf } from '../training/data.ts';
import { fitPlan, targetOf } from '../training/fit.ts';
import { modelOfRecipe } from '../training/recipe-model.ts';
import { describePlan, planReport } from '../training/plan-report.ts';
import { collect, positiveInteger, positiveNumber } from './train.ts';

interface Options {
  readonly recipe: string;
  readonly batch?: number;
  readonly set: readonly string[];
  readonly adapter?: string;
  readonly memory?: number;
  readonly json?: boolean;
}

/** `largekernel plan`: what a recipe costs, worked out without running it. */
export function addPlan(command: Command): void {
  command
    .requiredOption('--recipe <name|file>', 'a recipe by name or a YAML file')
    .option(
      '--batch <n>',
      'images of one micro-batch (default: the recipe’s, or the largest that fits)',
      positiveInteger,
    )
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option('--adapter <name>', 'plan for this adapter’s limits (default: those every WebGPU adapter has)')
    .option('--memory <gib>', 'device memory that may be used', positiveNumber)
    .option('--json', 'JSON on standard output')
    .action(plan);
}

async function plan(options: Options): Promise<void> {
  const { recipe } = await loadRecipe(options.recipe, options.set);
  const device = options.adapter === undefined ? undefined : await openDevice(options.adapter);
  try {
    const model = modelOfRecipe(recipe.model, classCountOf(recipe));
    const planned = fitPlan(
      recipe,
      model,
      targetOf(device, options.memory),
      options.batch ?? recipe.batch.micro,
    );
    const report = planReport(recipe, planned);
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : describePlan(report));
  } finally {
    device?.close();
  }
}
