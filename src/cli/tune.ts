import type { Command } from 'commander';
import { openDevice } from '../device/open.ts';
import { loadChecked } from '../training/effects.ts';
import { fitPlan, targetOf } from '../training/planning/fit.ts';
import { trainedModel } from '../training/weights/recipe-model.ts';
import { withTeacher } from '../training/weights/teacher.ts';
import { plansOf } from '../training/planning/tuned-plan.ts';
import { choicesFile, chooserOf, identityOf, lookupIn, readChoices } from '../tuning/choices.ts';
import { problemsOf } from '../tuning/problem.ts';
import { describeResult, isChanged, tune, type TuneResult } from '../tuning/tune.ts';
import { classCountOf } from '../training/data.ts';
import { underWay } from './say.ts';
import { ADAPTERS, collect, positiveInteger, positiveNumber } from './train.ts';

interface Options {
  readonly recipe: string;
  readonly set: readonly string[];
  readonly batch?: number;
  readonly adapter: string;
  readonly memory?: number;
  readonly again?: boolean;
  readonly json?: boolean;
}

/** `largekernel tune`: finds the fastest kernels for a recipe on this machine's adapter, for training to use. */
export function addTune(command: Command): void {
  command
    .requiredOption('--recipe <name|file>', 'a recipe by name or a YAML file')
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option(
      '--batch <n>',
      'images of one micro-batch (default: the recipe’s, or the largest that fits)',
      positiveInteger,
    )
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--memory <gib>', 'device memory that may be used', positiveNumber)
    .option('--again', 'time kernels whose fastest is stored, too')
    .option('--json', 'one line of JSON a kernel on standard output')
    .action(run);
}

async function run(options: Options): Promise<void> {
  const { recipe } = await loadChecked(options.recipe, options.set);
  const device = await openDevice(options.adapter);
  try {
    const identity = identityOf(device);
    const lookup = lookupIn(await readChoices(identity, (line) => process.stderr.write(`${line}\n`)));
    const target = { ...targetOf(device, options.memory), choose: chooserOf(lookup) };
    const model = trainedModel(recipe, classCountOf(recipe));
    const whole = await withTeacher(target, recipe, model.config.classes);
    const plan = fitPlan(recipe, model, whole, options.batch);
    const problems = problemsOf(plansOf(plan), device.profile).filter(
      (problem) => options.again === true || lookup(problem) === undefined,
    );
    const start = performance.now();
    let timed = 0;
    const show = (result: TuneResult, done: number) => {
      timed = done;
      if (options.json) process.stdout.write(`${JSON.stringify(rowOf(result))}\n`);
      else process.stdout.write(`${done}/${problems.length} ${describeResult(result)}\n`);
    };
    const results = await underWay(
      () => `timing kernel ${timed + 1} of ${problems.length}`,
      () => tune(device, problems, show),
      options.json,
    );
    const seconds = (performance.now() - start) / 1000;
    process.stderr.write(`${summaryOf(results, seconds)}\nstored in ${choicesFile(identity)}\n`);
  } finally {
    device.close();
  }
}

function rowOf({ problem: { key, kernels, count }, tuned, failure }: TuneResult): object {
  return { kernel: key, op: kernels.op.name, nodes: count, ...(tuned ?? { failure }) };
}

function summaryOf(results: readonly TuneResult[], seconds: number): string {
  const total = (ms: (result: TuneResult) => number) =>
    results.reduce((sum, result) => sum + ms(result) * result.problem.count, 0);
  const rule = total(({ tuned }) => tuned?.ruleMs ?? 0);
  const saved = rule - total(({ tuned }) => tuned?.ms ?? 0);
  return (
    `${results.length} kernels timed in ${seconds.toFixed(0)} s; ${results.filter(isChanged).length} of them are computed in another way: ` +
    `${saved.toFixed(0)} ms less than ${rule.toFixed(0)} ms for a micro-batch, an update and an evaluation batch`
  );
}
