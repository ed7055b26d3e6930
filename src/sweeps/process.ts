/** Child processes that can be asked to stop once. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { defined } from '../util/errors.ts';
import { makeFolderNow } from '../util/files.ts';

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The error it wrote to standard error, this time; without one, its last lines. */
  readonly errors: string;
}

/** Passes a request to stop on to the processes that run, and keeps further ones from starting. */
export class Stopper {
  /** Processes, or negative process groups. */
  private readonly pids = new Set<number>();
  private asked = false;

  get stopped(): boolean {
    return this.asked;
  }

  /** Asks every running process to save and end; asked again, they end at once. */
  stop(): void {
    this.asked = true;
    for (const pid of this.pids) send(pid);
  }

  add(pid: number): void {
    this.pids.add(pid);
    if (this.asked) send(pid);
  }

  delete(pid: number): void {
    this.pids.delete(pid);
  }
}

function send(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has just ended by itself.
  }
}

export interface Job {
  /** Program and arguments; with `shell` one command line. */
  readonly command: readonly string[];
  readonly shell?: boolean;
  /** File that standard error is appended to. */
  readonly log: string;
  /** Without it, this process's own. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a process to its end. It has a process group of its own: Ctrl-C on a terminal reaches the sweep alone, which then asks each run
 * once, and once is what makes a run save.
 */
export async function runProcess(job: Job, stopper: Stopper): Promise<Ended> {
  makeFolderNow(dirname(job.log));
  const log = openSync(job.log, 'a+');
  try {
    const before = readFileSync(log).length;
    const [program = '', ...args] = job.command;
    const child = spawn(program, args, {
      shell: job.shell === true,
      detached: true,
      env: job.environment,
      stdio: ['ignore', 'pipe', log],
    });
    const ended = new Promise<Omit<Ended, 'errors'>>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode, signal) => {
        resolve({ exitCode, signal });
      });
    });
    const { pid } = child;
    // A shell passes no signal on; its whole group is asked.
    const target = (own: number) => (job.shell === true ? -own : own);
    if (pid !== undefined) stopper.add(target(pid));
    const lines = createInterface({ input: defined(child.stdout, 'the output of the process') });
    lines.on('line', (line) => job.onLine?.(line));
    try {
      const end = await ended;
      return { ...end, errors: lastWords(readFileSync(job.log).subarray(before).toString('utf8')) };
    } finally {
      lines.close();
      if (pid !== undefined) stopper.delete(target(pid));
    }
  } finally {
    closeSync(log);
  }
}

const LAST_LINES = 12;

/** The error a command ended with, or the last lines it wrote. Warnings of libraries are not what it failed for. */
export function lastWords(text: string): string {
  const lines = text.trim().split('\n');
  const said = lines.filter(
    (line) => line.trim() !== '' && !/^(Warning: |\(node:\d+\) |\(Use `node )/.test(line),
  );
  const error = said.findLastIndex((line) => /^(internal )?error: /.test(line));
  if (error >= 0) return said.slice(error, error + LAST_LINES).join('\n');
  return (said.length > 0 ? said : lines).slice(-LAST_LINES).join('\n');
}

/** A command line for a POSIX shell. @example shellQuote(['node', 'a b']) // "node 'a b'" */
export function shellQuote(words: readonly string[]): string {
  return words
    .map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
