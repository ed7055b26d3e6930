/** Commands that several processes carry out together, over MPI. */
import { spawn } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchedBy, type Launched } from '../mpi/launched.ts';
import { Mpi } from '../mpi/mpi.ts';
import { Ranks } from '../mpi/ranks.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { endBySignal } from '../device/leaving.ts';
import { EXIT_INTERRUPTED, describeError, exitCodeOf } from './errors.ts';
import { onStopRequests } from './interrupt.ts';
import { PARENT_VARIABLE } from './onlookers.ts';
import { flush } from './output.ts';
import { say } from './say.ts';

/** An error that all ranks meet is told by rank 0, and a rank's end by the launcher; either ends them all before that. ms */
const OTHERS_SPEAK = 3000;

/**
 * For UCX, through which MPICH and Open MPI may talk. As it starts it patches mmap, munmap and brk of the C library, and tries that by moving
 * the program break there and back: a thread of Node or of a driver that allocates meanwhile loses its memory. It also takes the signal by
 * which WebAssembly finds an access out of bounds, which would end the process rather than be an error.
 */
const HARMLESS = { UCX_MEM_EVENTS: 'no', UCX_HANDLE_ERRORS: 'none' };

/** @param about who takes part, in words @param mpi what they talk by */
export type UseRanks = (ranks: Ranks | undefined, about: readonly string[], mpi?: Mpi) => Promise<void>;

/**
 * Does something alone, as ranks that are started for it, or as one of them, of which the first speaks for all.
 * @param asked `--ranks` @param keeps whether parts of the work are kept when it is stopped
 */
export async function sharedByRanks(
  asked: number | undefined,
  use: (ranks: Ranks | undefined, mpi?: Mpi) => Promise<void>,
  keeps = true,
): Promise<void> {
  if (asked === 1) await use(undefined);
  else if (asked !== undefined) await startRanks(asked, false);
  else
    await asRank(async (ranks, about, mpi) => {
      if (ranks?.isFirst === false) fallSilent();
      about.forEach(say);
      // A request to one rank ends all at once, since the others would wait for it.
      const off =
        ranks &&
        onStopRequests({
          asked: (why) => {
            say(
              `\n${why}: ending all ranks; ${keeps ? 'what they have finished is kept' : 'nothing is kept'}`,
            );
            ranks.abort(EXIT_INTERRUPTED);
          },
          again: endBySignal,
        });
      await use(ranks, mpi);
      off?.();
    });
}

const STREAMS = [process.stdout, process.stderr];

/** From now on nothing is written to standard output and error, until {@link speakAgain}. */
function fallSilent(): void {
  for (const stream of STREAMS)
    stream.write = (_: unknown, ...rest: readonly unknown[]): boolean => {
      const done = rest.at(-1);
      if (typeof done === 'function') queueMicrotask(done as () => void);
      return true;
    };
}

/** The streams' class has the real function. */
function speakAgain(): void {
  for (const stream of STREAMS) Reflect.deleteProperty(stream, 'write');
}

/**
 * Does something as one of the processes that `mpirun` or `srun` started, or alone. An error of one rank ends them all.
 * @param use is given the ranks, and lines about them for the user
 */
export async function asRank(use: UseRanks): Promise<void> {
  const launched = launchedBy(process.env);
  if (launched === undefined) {
    await use(undefined, []);
    return;
  }
  for (const [name, value] of Object.entries(HARMLESS)) process.env[name] ??= value;
  const mpi = await firstSpeaks(launched, () => Mpi.join(launched, process.env['LARGEKERNEL_MPI_LIBRARY']));
  try {
    const ranks = await Ranks.over(mpi);
    ranks.watchPeers((rank, { host, pid }) => {
      const error = new FrameworkError(
        'mpi/rank-ended',
        `Rank ${rank} (process ${pid} on ${host}) has ended.`,
        {
          hint: 'The last checkpoint is whole; run again to go on from there.',
        },
      );
      void sleep(OTHERS_SPEAK).then(() => end(mpi, error));
    });
    await use(ranks, aboutRanks(launched, mpi, ranks), mpi);
    await ranks.close();
  } catch (error) {
    if (mpi.rank > 0) await sleep(OTHERS_SPEAK);
    await end(mpi, error);
  }
}

/** Something that fails in all processes or in none, before they can talk. */
async function firstSpeaks<T>({ rank }: Launched, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    if (rank > 0) await sleep(OTHERS_SPEAK);
    throw error;
  }
}

async function end(mpi: Mpi, error: unknown): Promise<void> {
  const text = describeError(error);
  speakAgain();
  process.stderr.write(`${mpi.rank === 0 ? text : `rank ${mpi.rank}: ${text}`}\n`);
  await flush();
  mpi.abort(exitCodeOf(error));
}

function aboutRanks({ launcher }: Launched, mpi: Mpi, ranks: Ranks): string[] {
  const lines = [`${ranks.size} ranks by ${launcher} (${mpi.version}): ${ranks.description}`];
  if (availableParallelism() === 1 && cpus().length > 1)
    lines.push(
      'this rank may use one core of the processor only, for the decoding of images too: mpirun --bind-to none, or srun --cpus-per-task, gives it more',
    );
  return lines;
}

/**
 * Starts this command anew as so many ranks, by `mpirun` on this machine, and waits for its end.
 * @param detach whether the ranks go on when whatever started this process has ended
 * @throws FrameworkError `mpi/no-mpirun`, `cli/option`
 */
export async function startRanks(count: number, detach: boolean): Promise<void> {
  const launched = launchedBy(process.env);
  if (launched !== undefined)
    await firstSpeaks(launched, () => {
      throw new FrameworkError('cli/option', '--ranks starts mpirun, but this process is a rank itself.', {
        hint: 'Leave out --ranks: mpirun or srun has started the ranks.',
      });
    });
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
      ...(process.getuid?.() === 0 ? AS_ROOT : {}),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
    // Ctrl-C reaches this process alone, which passes it on as a signal that mpirun gives to the ranks.
    detached: true,
  });
  const pass = (signal: NodeJS.Signals) => {
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
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.on('error', (error) => {
        reject(noMpirun(program, error));
      });
      child.on('close', (code, signal) => {
        if (signal !== null) process.stderr.write(`${program} was ended by ${signal}\n`);
        resolve(code ?? 1);
      });
    });
  } finally {
    off();
  }
}

/** Tells the ranks to end with this process. A scheduler may start them on other machines, and ends them by itself. */
function parentVariable(): NodeJS.ProcessEnv {
  const isScheduled = process.env['SLURM_JOB_ID'] !== undefined;
  return { [PARENT_VARIABLE]: isScheduled ? undefined : String(process.pid) };
}

/** Ranks use several cores each, share them where there are fewer, and sleep where they wait. For Open MPI 4 and 5. */
const SETTINGS = {
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
