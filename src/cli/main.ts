import { Command, CommanderError } from 'commander';
import { addAblate } from './ablate.ts';
import { addConvert, addExport, addInspect, addMerge } from './checkpoint-tools.ts';
import { addBench } from './bench.ts';
import { addCorrupt } from './corrupt.ts';
import { addData } from './data.ts';
import { addDoctor } from './doctor.ts';
import { describeError, exitCodeOf } from './errors.ts';
import { addLists } from './lists.ts';
import { addPlan } from './plan.ts';
import { addReport } from './report.ts';
import { addTrain } from './train.ts';
import { addTune } from './tune.ts';
import { addEvaluate, addPredict } from './weights.ts';
import { nearest } from '../util/errors.ts';
import { versionOf } from '../util/modules.ts';

/** Builds the command line. One file a command; none holds logic of its own. */
export function buildProgram(): Command {
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
  for (const add of [
    addTrain,
    addAblate,
    addEvaluate,
    addPredict,
    addPlan,
    addTune,
    addData,
    addDoctor,
    addLists,
  ])
    add(program);
  for (const add of [addCorrupt, addReport, addBench]) add(program);
  for (const add of [addInspect, addConvert, addMerge, addExport]) add(program);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((c) => c.commands)]) {
    command.exitOverride();
    command.hook('preSubcommand', refuseUnknown);
  }
  return program;
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

/** Runs one command and sets the exit code; see errors.ts for the codes. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = exitCodeOf(error);
  }
  // Dawn's instances keep the event loop alive; everything that matters is written by now.
  await flush();
  process.exit(process.exitCode ?? 0);
}

async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((done) =>
      stream.write('', () => {
        done();
      }),
    );
}
