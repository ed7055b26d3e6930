/** A process that is one of several, which carry out a command together over MPI. */
import { availableParallelism, cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchedBy, type Launched } from '../mpi/launched.ts';
import { Mpi } from '../mpi/mpi.ts';
import { Ranks } from '../mpi/ranks.ts';
import { FrameworkError } from '../util/errors.ts';
import { describeError, exitCodeOf } from './errors.ts';
import { onStopRequests, type StopHandlers } from './interrupt.ts';
import { flush } from './output.ts';
import { sayLater } from './say.ts';

/** An error that all ranks meet is told by rank 0, and a rank's end by the launcher; either ends them all before that. ms */
const OTHERS_SPEAK = 3000;

/** Ranks that are not all there after so long are waited for aloud. ms */
const PATIENCE = 10_000;

/**
 * For UCX, through which MPICH and Open MPI may talk. As it starts it patches mmap, munmap and brk of the C library, and tries that by moving
 * the program break there and back: a thread of Node or of a driver that allocates meanwhile loses its memory. It also takes the signal by
 * which WebAssembly finds an access out of bounds, which would end the process rather than be an error.
 */
const HARMLESS = { UCX_MEM_EVENTS: 'no', UCX_HANDLE_ERRORS: 'none' };

/** Before an MPI library is loaded, and for the processes started from here. What the user has set stays. */
export function keepUcxHarmless(): void {
  for (const [name, value] of Object.entries(HARMLESS)) process.env[name] ??= value;
}

/** @param about who takes part, in words @param mpi what they talk by */
export type UseRanks = (ranks: Ranks | undefined, about: readonly string[], mpi?: Mpi) => Promise<void>;

/** As {@link onStopRequests}. When one rank has ended, the launcher ends the others by the signal that users stop them with. */
export function onStopRequestsOfRank(ranks: Ranks | undefined, handlers: StopHandlers): () => void {
  return onStopRequests({
    ...handlers,
    asked: (why) => {
      if (ranks?.findEnded() === undefined) handlers.asked(why);
    },
  });
}

const STREAMS = [process.stdout, process.stderr];

/** From now on nothing is written to standard output and error, until {@link speakAgain}. */
export function fallSilent(): void {
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
  keepUcxHarmless();
  // The library waits for all ranks as it starts, and blocks this thread.
  const { rank, size } = launched;
  const taken =
    rank === 0 ? sayLater(`rank 0 of ${size} waits for the others to start`, PATIENCE) : undefined;
  const mpi = await firstSpeaks(launched, () => Mpi.join(launched, process.env['LARGEKERNEL_MPI_LIBRARY']));
  try {
    const ranks = await Ranks.over(mpi);
    taken?.();
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
export async function firstSpeaks<T>({ rank }: Launched, work: () => T): Promise<T> {
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
  endAll(mpi, exitCodeOf(error));
}

/** Ends all ranks; whoever listens for the end of this process hears of it first. */
export function endAll(job: Pick<Mpi, 'abort'>, exitCode: number): void {
  process.emit('exit', exitCode);
  job.abort(exitCode);
}

function aboutRanks({ launcher }: Launched, mpi: Mpi, ranks: Ranks): string[] {
  const lines = [`${ranks.size} ranks by ${launcher} (${mpi.version}): ${ranks.description}`];
  if (availableParallelism() === 1 && cpus().length > 1)
    lines.push(
      'this rank may use one core of the processor only, for the decoding of images too: mpirun --bind-to none, or srun --cpus-per-task, gives it more',
    );
  return lines;
}
