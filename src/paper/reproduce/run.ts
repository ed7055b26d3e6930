/** Runs steps one after the other, each in a process of its own, and notes which are done. */
import { join } from 'node:path';
import { EXIT_SAVED } from '../../sweeps/execute.ts';
import { runProcess, type Stopper } from '../../sweeps/process.ts';
import { existsNow } from '../../util/files.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import { shellLine, type Step } from '../work/step.ts';

/** Commands that ended well, and the results they named. */
interface Journal {
  readonly done: readonly { readonly command: readonly string[]; readonly files: readonly string[] }[];
}

const JOURNAL = sealedKind<Journal>(
  'journal of a reproduction',
  1,
  'Delete it; commands are run again, and each goes on from its own results.',
);
export const JOURNAL_NAME = 'reproduce.json';

/** The exit code of a command that measured all it could, though something is missing. */
const EXIT_PARTLY = 3;

export interface RunRequest {
  /** Holds the journal and the log. */
  readonly folder: string;
  readonly steps: readonly Step[];
  /** The program and its first arguments. */
  readonly program: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly stopper: Stopper;
  readonly onStep: (step: Step, index: number) => void;
  /** A step that is not done. @param words what it said last */
  readonly onFailure: (step: Step, words: string) => void;
}

export interface RunOutcome {
  /** Results that the commands named, in their order. */
  readonly files: readonly string[];
  /** Exit code of the first command that failed. */
  readonly exitCode: number;
}

/** Which of some steps were done before and their results still there. */
export async function doneSteps(
  folder: string,
  steps: readonly Step[],
): Promise<ReadonlyMap<Step, readonly string[]>> {
  const { done } = await journalIn(folder);
  return new Map(
    steps.flatMap((step): [Step, readonly string[]][] => {
      const found = done.find(isOf(step));
      return found === undefined ? [] : [[step, found.files]];
    }),
  );
}

/** What was done before, as far as its results are still there. */
async function journalIn(folder: string): Promise<Journal> {
  const { done } = (await readSealedIfThere(join(folder, JOURNAL_NAME), JOURNAL)) ?? { done: [] };
  return { done: done.filter(({ files }) => files.every((file) => existsNow(file))) };
}

function isOf({ command }: Step) {
  return (entry: Journal['done'][number]) => shellLine(entry.command) === shellLine(command);
}

/** Runs what is not done yet. A command that fails is told and left for the next time; the others go on. */
export async function runSteps(request: RunRequest): Promise<RunOutcome> {
  const { folder, steps, stopper } = request;
  const before = await doneSteps(folder, steps);
  // Other tables' commands stay noted.
  const done = [...(await journalIn(folder)).done];
  const files: string[] = [];
  let exitCode = 0;
  for (const [index, step] of steps.entries()) {
    const known = before.get(step);
    if (known !== undefined) {
      files.push(...known);
      continue;
    }
    if (stopper.stopped) return { files, exitCode: EXIT_SAVED };
    request.onStep(step, index);
    const ended = await runStep(step, request);
    files.push(...ended.files);
    if (ended.exitCode === 0) {
      done.push({ command: step.command, files: ended.files });
      await writeSealed(join(folder, JOURNAL_NAME), JOURNAL, { done });
    } else if (stopper.stopped || ended.exitCode === EXIT_SAVED) return { files, exitCode: EXIT_SAVED };
    else {
      exitCode ||= ended.exitCode;
      request.onFailure(step, ended.exitCode === EXIT_PARTLY ? 'something of it is missing' : ended.errors);
    }
  }
  return { files, exitCode };
}

async function runStep({ command }: Step, { folder, program, environment, stopper }: RunRequest) {
  const output: string[] = [];
  const { exitCode, signal, errors } = await runProcess(
    {
      command: [...program, ...command, '--json'],
      environment,
      log: join(folder, 'reproduce.log'),
      onLine: (line) => {
        if (line.includes('result.json')) output.push(line);
      },
    },
    stopper,
  );
  const said = errors === '' && signal !== null ? `it was ended by ${signal}` : errors;
  return { exitCode: exitCode ?? 1, errors: said, files: filesIn(output) };
}

/** Every `result.json` that a command's JSON names. */
function filesIn(lines: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'file' && typeof inner === 'string' && inner.endsWith('result.json')) found.push(inner);
        else visit(inner);
      }
  };
  for (const line of lines) {
    try {
      visit(JSON.parse(line));
    } catch {
      // Not JSON: nothing names a file there.
    }
  }
  return [...new Set(found)];
}
