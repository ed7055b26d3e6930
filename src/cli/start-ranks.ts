/** Commands that several processes carry out together: alone, as one of the ranks, or by starting them. */
import { spawn } from 'node:child_process';
import { availableParallelism, constants } from 'node:os';
import { endBySignal } from '../device/leaving.ts';
import { OWN_MPIRUN, launchedBy } from '../mpi/launched.ts';
import { loadMpi } from '../mpi/library.ts';
import type { Mpi } from '../mpi/mpi.ts';
import { checkRankCount, type Ranks } from '../mpi/ranks.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { EXIT_INTERRUPTED, describeError } from './errors.ts';
import { onStopRequests } from './interrupt.ts';
import { PARENT_VARIABLE } from './onlookers.ts';
import { asRank, endAll, fallSilent, firstSpeaks, keepUcxHarmless, onStopRequestsOfRank } from './ranks.ts';
import { say } from './say.ts';

/** What a command of several ranks does, and what is known of it. */
export interface SharedWork {
  readonly use: (ranks: Ranks | undefined, mpi?: Mpi) => Promise<void>;
  /** Finds mistakes of the user before ranks are started. */
  readonly check: () => Promise<void>;
  /** Whether parts of the work are kept when it is stopped. */
  readonly keeps: boolean;
}

/**
 * Does something alone, as ranks that are started for it, or as one of them, of which the first speaks for all.
 * @param asked `--ranks`
 */
export async function sharedByRanks(
  asked: number | undefined,
  { use, check, keeps }: SharedWork,
): Promise<void> {
  if (asked === 1) await use(undefined);
  else if (asked !== undefined) await startRanks(asked, false, check);
  else
    await asRank(async (ranks, about, mpi) => {
      if (ranks?.isFirst === false) fallSilent();
      about.forEach(say);
      // A request to one rank ends all at once, since the others would wait for it.
      const off =
        ranks &&
        onStopRequestsOfRank(ranks, {
          asked: (why) => {
            say(
              `\n${why}: ending all ranks; ${keeps ? 'what they have finished is kept' : 'nothing is kept'}`,
            );
            endAll(ranks, EXIT_INTERRUPTED);
          },
          again: endBySignal,
        });
      try {
        await use(ranks, mpi);
      } finally {
        off?.();
      }
    });
}

/**
 * Starts this command anew as so many ranks, by `mpirun` on this machine, and waits for its end.
 * @param detach whether the ranks go on when whatever started this process has ended
 * @param check finds mistakes of the user: they are told here, once, and not by the ranks
 * @throws FrameworkError `mpi/ranks`, `mpi/no-koffi`, `mpi/no-library`, `mpi/no-mpirun`, `cli/option`
 */
export async function startRanks(
  count: number,
  detach: boolean,
  check: () => Promise<void> = async () => undefined,
): Promise<void> {
  const launched = launchedBy(process.env);
  if (launched !== undefined)
    await firstSpeaks(launched, () => {
      throw new FrameworkError('cli/option', '--ranks starts mpirun, but this process is a rank itself.', {
        hint: 'Leave out --ranks: mpirun or srun has started the ranks.',
      });
    });
  checkRankCount(count, 'asked for');
  checkRoom(count);
  await check();
  keepUcxHarmless();
  loadMpi('openmpi', process.env['LARGEKERNEL_MPI_LIBRARY']);
  process.exitCode = await runRanks(count, detach);
}

/** Beyond this a number of ranks is a slip, which would exhaust the machine. */
const RANKS_PER_CORE = 8;

/** A scheduler has machines of its own. @throws FrameworkError `mpi/ranks` */
function checkRoom(count: number): void {
  const cores = availableParallelism();
  if (isScheduled() || count <= RANKS_PER_CORE * Math.max(2, cores)) return;
  throw new FrameworkError(
    'mpi/ranks',
    `${count} ranks were asked for on this machine, which has ${cores} cores.`,
    { hint: 'Start one for each GPU; ranks on several machines are started by mpirun or srun themselves.' },
  );
}

/** @returns the exit code */
async function runRanks(count: number, detach: boolean): Promise<number> {
  const program = process.env['LARGEKERNEL_MPIRUN'] ?? 'mpirun';
  const command = [
    process.execPath,
    defined(process.argv[1], 'the program'),
    ...withoutRanks(process.argv.slice(2)),
  ];
  const child = spawn(program, ['-n', String(count), ...command], {
    env: {
      ...process.env,
      ...parentVariable(),
      ...SETTINGS,
      [OWN_MPIRUN]: '1',
      ...(process.getuid?.() === 0 ? AS_ROOT : {}),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    // Ctrl-C reaches this process alone, which passes it on as a signal that mpirun gives to the ranks.
    detached: true,
  });
  let isAsked = false;
  const pass = (signal: NodeJS.Signals) => {
    isAsked = true;
    if (child.pid !== undefined) child.kill(signal);
  };
  const off = onStopRequests({
    detach,
    asked: () => {
      pass('SIGUSR1');
    },
    again: () => {
      pass('SIGTERM');
    },
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.on('error', (error) => {
        reject(noMpirun(program, error));
      });
      child.on('close', (code, signal) => {
        const killer = signalOf(code);
        if (signal !== null) process.stderr.write(`error: ${program} was ended by ${signal}\n`);
        else if (killer !== undefined && !isAsked)
          process.stderr.write(`${describeError(rankKilled(killer))}\n`);
        else if (code === 1) process.stderr.write(`${describeError(mpirunFailed(program, count))}\n`);
        resolve(code ?? 1);
      });
    });
  } finally {
    off();
  }
}

/** The signal that an exit code of a shell or launcher speaks of. */
function signalOf(code: number | null): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
}

function rankKilled(signal: string): FrameworkError {
  return new FrameworkError('mpi/rank-ended', `A rank was ended by ${signal}, and the others with it.`, {
    hint: 'Where memory runs out, the system ends processes by SIGKILL. What was saved is whole; run again to go on from there.',
  });
}

/** Of its own failures it says nothing, as of those of ranks: see SETTINGS. */
function mpirunFailed(program: string, count: number): FrameworkError {
  return new FrameworkError('mpi/mpirun', `${program} ended with code 1.`, {
    hint: `If no rank has said why, it could not start them: \`${program} -n ${count} hostname\` shows what it says.`,
  });
}

/** A scheduler may start ranks on other machines, and ends them by itself. */
function isScheduled(): boolean {
  return process.env['SLURM_JOB_ID'] !== undefined;
}

/** Tells the ranks to end with this process. */
function parentVariable(): NodeJS.ProcessEnv {
  return { [PARENT_VARIABLE]: isScheduled() ? undefined : String(process.pid) };
}

/**
 * Ranks use several cores each, share them where there are fewer, and sleep where they wait; of a rank that ends with an error its own words
 * are enough. For Open MPI 4 and 5.
 */
const SETTINGS = {
  OMPI_MCA_orte_execute_quiet: '1',
  PRTE_MCA_prte_execute_quiet: '1',
  OMPI_MCA_rmaps_base_oversubscribe: '1',
  OMPI_MCA_hwloc_base_binding_policy: 'none',
  PRTE_MCA_rmaps_default_mapping_policy: ':oversubscribe',
  PRTE_MCA_hwloc_default_binding_policy: 'none',
};

/** Whoever starts a command as root has root's reasons. */
const AS_ROOT = {
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  PRTE_ALLOW_RUN_AS_ROOT: '1',
  PRTE_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
};

/** The command line without `--ranks` and its value. */
export function withoutRanks(words: readonly string[]): string[] {
  return words.filter((word, i) => !/^--ranks(=|$)/.test(word) && words[i - 1] !== '--ranks');
}

function noMpirun(program: string, error: Error): FrameworkError {
  return new FrameworkError(
    'mpi/no-mpirun',
    `--ranks starts ${program}, which cannot be run: ${error.message}.`,
    {
      hint: 'Install MPI (Debian: apt-get install openmpi-bin, or mpich), load the cluster’s module, or name the program in LARGEKERNEL_MPIRUN.',
      cause: error,
    },
  );
}
