/** Who would see a long command: the processes that started it. Once they are gone it would train on unseen. */
import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { startOf, statOf } from '../util/process-identity.ts';

/** A sweep tells its runs here that they belong to it. */
export const PARENT_VARIABLE = 'LARGEKERNEL_PARENT';

export interface Onlooker {
  readonly pid: number;
  readonly started: string;
}

/** Details of how this command was started that show who is watching it. */
export interface Start {
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly parent: number;
  /** --detach */
  readonly detach: boolean;
}

/**
 * The processes whose end means that nobody looks on any more. None where the command was put in the background on purpose (`--detach`,
 * `setsid`, `nohup`), or where it was started by the first process of a system or container, which outlives it.
 */
export function onlookersOf(start: Start): Onlooker[] {
  if (start.detach) return [];
  const sweep = Number(start.env[PARENT_VARIABLE] ?? NaN);
  if (Number.isSafeInteger(sweep)) return [onlooker(sweep)];
  const { parent } = start;
  const isFirst = parent <= 1;
  const hasOwnSession = statOf(start.pid)?.session === start.pid;
  if (isFirst || hasOwnSession || isNohupItself(start)) return [];
  // `npx train` may run `sh -c train`, and that shell outlives npx.
  const above = isWrapper(parent) ? (statOf(parent)?.parent ?? 0) : 0;
  return [parent, ...(above > 1 ? [above] : [])].map(onlooker);
}

/** Whether a process that looked on has ended; its id may be another's by now. */
export function isGone({ pid, started }: Onlooker): boolean {
  return startOf(pid) !== started;
}

/**
 * Whether `nohup` started a process or one above it. Node takes back that nohup ignores the hang-up of the terminal, so it must be seen
 * otherwise: bash and zsh name the program they start in `_`, and GNU nohup writes to nohup.out where the output was a terminal.
 */
export function isNohup(pid: number, env: NodeJS.ProcessEnv): boolean {
  return basename(env['_'] ?? '') === 'nohup' || [1, 2].some((out) => targetOf(pid, out) === 'nohup.out');
}

function targetOf(pid: number, descriptor: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    return '';
  }
}

/** `nohup npx train`: npx looks on, nohup is not about it. */
function isNohupItself({ env, pid, parent }: Start): boolean {
  return isNohup(pid, env) && !isNohup(parent, environmentOf(parent));
}

function onlooker(pid: number): Onlooker {
  // One that has ended before it was looked for has no start that fits.
  return { pid, started: startOf(pid) ?? 'never' };
}

function isWrapper(pid: number): boolean {
  const [program = '', option] = argumentsOf(pid);
  return /^-?(sh|dash|bash|ash|zsh|busybox)$/.test(basename(program)) && option === '-c';
}

function argumentsOf(pid: number): string[] {
  return linesOf(`/proc/${pid}/cmdline`);
}

function environmentOf(pid: number): NodeJS.ProcessEnv {
  return Object.fromEntries(
    linesOf(`/proc/${pid}/environ`).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    return [];
  }
}
