import { endBySignal, leave } from '../device/leaving.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { FrameworkError } from '../util/errors.ts';
import { EXIT_INTERRUPTED } from './errors.ts';
import { isGone, isNohup, onlookersOf } from './onlookers.ts';
import { onBrokenOutput } from './output.ts';

/** Signals that ask a command to save and end. Schedulers send USR1 and USR2 ahead of a limit, a closed terminal sends HUP. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** One Ctrl-C may come twice: from the terminal, and passed on by npx. ms */
const SAME_REQUEST = 500;
/** What a device has under way may take so long to finish. ms */
const LEAVING = 1500;
/** Between two looks at whether the processes that started the command are still there. ms */
const LOOK = 1000;

export interface StopHandlers {
  /** Go on though the terminal closes and the process that started this one ends. */
  readonly detach?: boolean;
  /** The first request. @param why it came, for people */
  readonly asked: (why: string) => void;
  /** A second Ctrl-C or TERM: end at once. */
  readonly again: (signal: 'SIGINT' | 'SIGTERM') => void;
}

/**
 * Listens for requests to end: signals, the end of the process that started this one, an output that nobody reads any more.
 * @returns ends that
 */
export function onStopRequests({ detach = false, asked, again }: StopHandlers): () => void {
  let since: number | undefined;
  const ask = (why: string) => {
    if (since !== undefined) return;
    since = performance.now();
    asked(why);
  };
  const start = { env: process.env, pid: process.pid, parent: process.ppid, detach };
  let onlookers = onlookersOf(start);
  const outlivesTerminal = detach || isNohup(process.pid, process.env);
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === 'SIGHUP' && outlivesTerminal)
      onlookers = []; // what started this may end with the terminal
    else if (since === undefined) ask(signal);
    else if (performance.now() - since > SAME_REQUEST && (signal === 'SIGINT' || signal === 'SIGTERM'))
      again(signal);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  const timer = setInterval(() => {
    const gone = onlookers.find(isGone);
    if (gone !== undefined) ask(`process ${gone.pid}, which started this, has ended (--detach goes on)`);
  }, LOOK).unref();
  const offOutput = onBrokenOutput(() => {
    if (!outlivesTerminal) ask('nobody reads the output any more');
  });
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    clearInterval(timer);
    offOutput();
  };
}

/** Ends the process within two seconds of a request to. @param why as {@link StopHandlers} tell it */
export async function endInterrupted(why: string): Promise<void> {
  if (await leave(LEAVING)) process.exit(EXIT_INTERRUPTED);
  else endBySignal(why === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
}

/**
 * Runs something long that stops by itself when its signal says so: the first interrupt lets it finish what it is at, the
 * second ends the process. The exit code is that of an interrupted command, or what the signal gives where nothing could finish.
 * @param ranks that work together: whoever started the work listens for them
 * @param atOnce says what is kept and ends the process on the first interrupt, for work that has nothing to finish
 */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<void>,
  atOnce?: () => string,
  ranks?: Ranks,
): Promise<void> {
  const stop = new AbortController();
  if (ranks !== undefined) {
    await work(stop.signal);
    return;
  }
  const off = onStopRequests({
    asked: (why) => {
      if (atOnce !== undefined) {
        process.stderr.write(`\n${why}: ${atOnce()}\n`);
        void endInterrupted(why);
      } else {
        process.stderr.write(`\n${why}: finishing what is under way; once more to stop at once\n`);
        stop.abort();
      }
    },
    again: endBySignal,
  });
  try {
    await work(stop.signal);
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code !== 'evaluate/aborted') throw error;
    process.stderr.write(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}\n`);
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    off();
  }
}
