/** Slurm: all runs of a sweep as one job array. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { EXIT_SAVED } from './execute.ts';
import { shellQuote } from './process.ts';

const run = promisify(execFile);

export interface ArrayJob {
  /** Name of the job; also how a second submission of the same sweep is noticed. */
  readonly name: string;
  /** Folder for the script and the output of the tasks. */
  readonly folder: string;
  /** Where the tasks run: the folder of the submission, from which relative paths of recipes count. */
  readonly cwd: string;
  /** Ids of the runs: task i of the array is the i-th. */
  readonly runs: readonly string[];
  /** Tasks that run at the same time; undefined leaves it to the scheduler. */
  readonly atOnce: number | undefined;
  /** Seconds between the request to save and the end of the time limit. */
  readonly leadSeconds: number;
  /** Further options of sbatch: `--gres=gpu:1`. */
  readonly options: readonly string[];
  /** The command line of one run without the run's id. */
  readonly command: readonly string[];
}

/**
 * The script of an array job. Slurm signals the script `leadSeconds` before the time limit (USR1) or at preemption; it passes the
 * request on, the run saves and ends with 75, and the task puts itself back into the queue. Any other end is final.
 */
export function arrayScript(job: ArrayJob): string {
  checkPaths(job);
  const last = job.runs.length - 1;
  const options = [
    `--job-name=${job.name}`,
    `--array=0-${last}${job.atOnce === undefined ? '' : `%${job.atOnce}`}`,
    '--requeue',
    `--signal=B:USR1@${job.leadSeconds}`,
    '--open-mode=append',
    `--output=${quoted(`${job.folder.replaceAll('%', '%%')}/%a.out`)}`,
    ...job.options,
  ];
  return `#!/bin/bash
${options.map((option) => `#SBATCH ${option}`).join('\n')}

# Task i of the array is run i of this list.
runs=(${shellQuote(job.runs)})
run=\${runs[$SLURM_ARRAY_TASK_ID]}
cd ${shellQuote([job.cwd])} || exit 1

child=
asked=
ask() {
  asked=1
  [ -n "$child" ] && kill -TERM "$child" 2>/dev/null
}
trap ask USR1 TERM

echo "task $SLURM_ARRAY_TASK_ID, run $run, restart \${SLURM_RESTART_COUNT:-0}, on $(hostname)"
${shellQuote(job.command)} --only "$run" &
child=$!
[ -n "$asked" ] && kill -TERM "$child" 2>/dev/null
# A trapped signal ends \`wait\` early.
while kill -0 "$child" 2>/dev/null; do wait "$child"; done
wait "$child"
code=$?

# ${EXIT_SAVED}: asked to stop, and saved. The restarted task goes on from there.
if [ "$code" -eq ${EXIT_SAVED} ]; then
  echo "saved; back into the queue"
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
`;
}

/** A value in a line of #SBATCH: sbatch knows quotes, but no way to write a line's end. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `"${value.replaceAll('"', '\\"')}"`;
}

/** @throws FrameworkError `cli/option` for a path that cannot stand in a script: what follows a line's end would be a command */
function checkPaths({ folder, cwd, command }: ArrayJob): void {
  for (const text of [folder, cwd, ...command]) {
    if (!/\p{Cc}/u.test(text) && !(text === folder && text.includes('\\'))) continue;
    throw new FrameworkError(
      'cli/option',
      `${JSON.stringify(text)} cannot stand in a script for Slurm: it holds a line’s end, another control character or a backslash.`,
      { hint: 'Rename that folder, or choose another --out.' },
    );
  }
}

/** @throws FrameworkError `cli/option` for an option that would break the script's head or its array */
export function checkSbatchOptions(options: readonly string[]): void {
  const own = ['--array', '-a', '--signal', '--requeue', '--no-requeue', '--job-name', '-J'];
  for (const option of options) {
    const name = option.split(/[= ]/)[0] ?? '';
    if (!option.startsWith('-') || /[\r\n]/.test(option))
      throw new FrameworkError('cli/option', `--sbatch ${JSON.stringify(option)} is no option of sbatch.`, {
        hint: 'For example --sbatch=--gres=gpu:1 --sbatch=--time=24:00:00.',
      });
    if (own.includes(name))
      throw new FrameworkError('cli/option', `--sbatch ${option}: ${name} is set by the sweep itself.`, {
        hint: '--jobs limits how many runs go on at once, --lead sets when they save.',
      });
  }
}

export function hasRunsInQueue(squeueOutput: string, name: string): string[] {
  return squeueOutput.split('\n').flatMap((line) => {
    const [id, ...rest] = line.trim().split(' ');
    return id !== undefined && rest.join(' ') === name ? [id] : [];
  });
}

/**
 * Writes the script and submits it. @returns the id of the job
 * @throws FrameworkError `cli/slurm` where there is no Slurm, it refuses, or the sweep is in its queue already
 */
export async function submitArray(job: ArrayJob): Promise<{ id: string; script: string }> {
  const queued = hasRunsInQueue((await slurm('squeue', ['--noheader', '--format=%F %j'])).trim(), job.name);
  if (queued.length > 0) {
    throw new FrameworkError(
      'cli/slurm',
      `The sweep is in the queue already as job ${[...new Set(queued)].join(', ')}.`,
      {
        hint: `Wait for it (squeue --name ${job.name}) or cancel it (scancel --name ${job.name}); --table makes the table of what is there.`,
      },
    );
  }
  const script = join(job.folder, 'array.sh');
  await writeFileAtomic(script, arrayScript(job));
  const answer = await slurm('sbatch', ['--parsable', script]);
  return { id: answer.trim().split(';')[0] ?? '', script };
}

async function slurm(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args)).stdout;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new FrameworkError(
      'cli/slurm',
      missing
        ? `${program} is not installed here.`
        : `${program} failed: ${said === '' ? messageOf(error) : said}.`,
      {
        hint: missing
          ? 'Run this where Slurm’s commands are, or use --launcher local.'
          : 'sinfo shows whether the scheduler answers.',
        cause: error,
      },
    );
  }
}
