import { Command, CommanderError } from 'commander';
import { describeError, exitCodeOf } from './errors.ts';
import { flush, guardOutput } from './output.ts';
import { DAWN_VARIABLE, parseToggles } from '../device/dawn.ts';
import { nearest } from '../util/errors.ts';
import { setWeightsMirror } from '../util/mirror.ts';
import { setJob } from '../util/process-identity.ts';
import { versionOf } from '../util/modules.ts';

/** Declares a command's arguments, options and action. */
type Declare = (command: Command) => void;

interface CommandEntry {
  readonly description: string;
  readonly load: () => Promise<Declare>;
}

/** Every command: one file each, which is loaded only for its own sake. None holds logic of its own. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: {
    description: 'look at a folder of your own images, and write a recipe and a sweep for them',
    load: async () => (await import('./init.ts')).addInit,
  },
  train: {
    description: 'train a recipe; goes on by itself where the run folder holds an unfinished run',
    load: async () => (await import('./train.ts')).addTrain,
  },
  ablate: {
    description: 'train a recipe at several points and seeds, and compare; goes on where it was stopped',
    load: async () => (await import('./ablate.ts')).addAblate,
  },
  watch: {
    description: 'follow runs in a browser: curves, time left, samples, mistakes; several over each other',
    load: async () => (await import('./watch.ts')).addWatch,
  },
  evaluate: {
    description: 'top-1, top-5 and loss on labelled images, or robustness benchmarks',
    load: async () => (await import('./evaluate.ts')).addEvaluate,
  },
  predict: {
    description: 'logits and the five likeliest classes of images',
    load: async () => (await import('./weights.ts')).addPredict,
  },
  plan: {
    description: 'parameters, multiply-adds, device memory and hours of a recipe, before it runs',
    load: async () => (await import('./plan.ts')).addPlan,
  },
  tune: {
    description:
      'time the ways to compute each kernel of a recipe here; training uses the fastest from then on',
    load: async () => (await import('./tune.ts')).addTune,
  },
  data: {
    description: 'list, verify and fetch data sets',
    load: async () => (await import('./data.ts')).addData,
  },
  doctor: {
    description: 'list adapters, say what is missing, prove every kernel against its reference on the device',
    load: async () => (await import('./doctor.ts')).addDoctor,
  },
  models: {
    description: 'list the models',
    load: async () => (await import('./lists.ts')).addModels,
  },
  weights: {
    description: 'list the published weights that are known by name, or fetch some',
    load: async () => (await import('./published.ts')).addWeights,
  },
  recipes: {
    description: 'list the recipes',
    load: async () => (await import('./lists.ts')).addRecipes,
  },
  kernels: {
    description: 'list the ops that have kernels',
    load: async () => (await import('./lists.ts')).addKernels,
  },
  datasets: {
    description: 'list the data sets known by name',
    load: async () => (await import('./lists.ts')).addDatasets,
  },
  corrupt: {
    description: 'write the corrupted images of a data set in the layout of ImageNet-C, -C-bar or -P',
    load: async () => (await import('./corrupt.ts')).addCorrupt,
  },
  benchmarks: {
    description: 'list the robustness benchmarks',
    load: async () => (await import('./lists.ts')).addBenchmarks,
  },
  attack: {
    description:
      'adversarial images: how many a model still gets right at each ε, by FGSM, PGD, AutoAttack and others',
    load: async () => (await import('./attack.ts')).addAttack,
  },
  attacks: {
    description: 'list the attacks',
    load: async () => (await import('./lists.ts')).addAttacks,
  },
  analyze: {
    description: 'why a model is robust or not: occlusion, lesion, noise by frequency, kernels, shape bias',
    load: async () => (await import('./analyze.ts')).addAnalyze,
  },
  analyses: {
    description: 'list the analyses',
    load: async () => (await import('./lists.ts')).addAnalyses,
  },
  report: {
    description:
      'put results of `evaluate --benchmarks` and `analyze` beside each other and beside the published numbers',
    load: async () => (await import('./report.ts')).addReport,
  },
  paper: {
    description:
      'every figure and table of the two papers from your results, beside the published numbers, on one page',
    load: async () => (await import('./paper.ts')).addPaper,
  },
  reproduce: {
    description:
      'run what a table or figure of the papers takes, and end with its page; goes on where it was stopped',
    load: async () => (await import('./reproduce.ts')).addReproduce,
  },
  bench: {
    description: 'measure speed on this machine',
    load: async () => (await import('./bench.ts')).addBench,
  },
  inspect: {
    description: 'what a file of weights holds: format, naming, model, shapes',
    load: async () => (await import('./checkpoint-tools.ts')).addInspect,
  },
  convert: {
    description: 'write weights as safetensors that PyTorch loads with strict=True',
    load: async () => (await import('./checkpoint-tools.ts')).addConvert,
  },
  merge: {
    description: 'fold BatchNorm and the branches of large kernels into one convolution, and prove it',
    load: async () => (await import('./checkpoint-tools.ts')).addMerge,
  },
  export: {
    description: 'write the inference graph as ONNX, or as a page for browsers',
    load: async () => (await import('./export.ts')).addExport,
  },
  completion: {
    description: 'a script that completes commands and options in bash, zsh or fish',
    load: async () => (await import('./completion.ts')).addCompletion,
  },
};

/**
 * The command line. Only the commands in `wanted` can be run; of the others there is the description.
 * @param wanted `all`, or the words of a command line
 */
export async function buildProgram(wanted: 'all' | readonly string[]): Promise<Command> {
  const program = new Command('largekernel')
    .description(
      'Train large-kernel ConvNets on any GPU through WebGPU, ablate their kernel size, measure how robust they are.',
    )
    .version(versionOf('largekernel'))
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => {
        write(text);
      },
    });
  for (const [name, { description, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(description);
    // The second word: `help train`.
    if (wanted === 'all' || wanted.slice(0, 2).includes(name)) (await load())(command);
  }
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) {
    command.exitOverride();
    command.hook('preSubcommand', refuseUnknown);
    if (command.options.some(({ long }) => long === '--adapter')) addDawn(command);
  }
  return program;
}

/** An option of every command that opens a device; processes that it starts hear of it too. */
function addDawn(command: Command): void {
  command.option(
    '--dawn <toggles>',
    `change Dawn’s toggles: enable=a,b,disable=c (also the environment variable ${DAWN_VARIABLE})`,
    (text: string) => {
      parseToggles(text);
      process.env[DAWN_VARIABLE] = text;
      return text;
    },
  );
}

/** Commander looks for missing options before unknown ones; a misspelt option should be called by its name. */
function refuseUnknown(parent: Command, command: Command): void {
  if (command.commands.length > 0) return;
  const { options } = command;
  const known = options.flatMap(({ long, short }) =>
    [long, short].filter((flag) => typeof flag === 'string'),
  );
  const takesValue = (flag: string | undefined) =>
    options.some(
      ({ long, short, required }) => required && flag !== undefined && [long, short].includes(flag),
    );
  const unknown = parent.args
    .filter((_, i, all) => !takesValue(all[i - 1]))
    .map((argument) => argument.split('=', 1)[0] ?? '')
    .find((flag) => /^--\w/.test(flag) && flag !== '--help' && !known.includes(flag));
  if (unknown === undefined) return;
  const near = nearest(unknown, known);
  command.error(
    `error: unknown option '${unknown}'${near === undefined ? '' : `\n(Did you mean ${near}?)`}`,
    {
      code: 'commander.unknownOption',
    },
  );
}

/**
 * Runs one command and sets the exit code; see errors.ts for the codes.
 * @throws Error of Node where a module is not installed: bin/largekernel.cjs says so, as of those that this file needs
 */
export async function main(argv: readonly string[]): Promise<void> {
  guardOutput();
  const { SLURM_JOB_ID: id, SLURM_RESTART_COUNT: restarts, LARGEKERNEL_WEIGHTS: mirror } = process.env;
  if (mirror !== undefined && mirror !== '') setWeightsMirror(mirror);
  if (id !== undefined) setJob({ id: `slurm ${id}`, restarts: Number(restarts ?? 0) });
  try {
    await (await buildProgram(argv)).parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (isMissingModule(error)) throw error;
    if (!(error instanceof CommanderError)) process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
  // Dawn's instances keep the event loop alive; everything that matters is written by now.
  await flush();
  process.exit(process.exitCode ?? 0);
}

function isMissingModule(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /MODULE_NOT_FOUND$/.test(String(error.code));
}
