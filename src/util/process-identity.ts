/** Who a process is, so that another one can tell later whether it still lives: process ids are given again, and folders are shared by machines. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words; empty where the system does not say. */
  readonly started: string;
  readonly host: string;
  /** Tells machines of one name apart; empty where there is no such id. */
  readonly machine: string;
  /** Changes when the machine starts anew. */
  readonly boot: string;
  /** Where process ids are counted: a container counts its own. */
  readonly pidSpace: string;
  /** The job of a scheduler that it belongs to, and how often that job was put back into the queue. */
  readonly job: { readonly id: string; readonly restarts: number } | null;
}

let own: ProcessIdentity | undefined;

/** This process. */
export function thisProcess(): ProcessIdentity {
  return (own ??= {
    pid: process.pid,
    started: startOf(process.pid) ?? '',
    host: hostname(),
    machine: textOf('/etc/machine-id'),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    pidSpace: linkOf('/proc/self/ns/pid'),
    job: null,
  });
}

/** Says which job of a scheduler this process belongs to. A scheduler never runs one job twice at a time. */
export function setJob(job: ProcessIdentity['job']): void {
  own = { ...thisProcess(), job };
}

/** Whether a process still lives; `unknown` where that cannot be seen from here. */
export function lifeOf(other: ProcessIdentity, here = thisProcess()): 'alive' | 'dead' | 'unknown' {
  if (other.job !== null && other.job.id === here.job?.id && other.job.restarts < here.job.restarts)
    return 'dead';
  if (other.host !== here.host || other.machine !== here.machine) return 'unknown';
  // Without an id of the machine, another one of the same name looks like this one started anew.
  if (other.boot !== here.boot) return other.machine === '' ? 'unknown' : 'dead';
  if (other.pidSpace !== here.pidSpace) return 'unknown';
  const started = startOf(other.pid);
  return started === undefined || (other.started !== '' && started !== other.started) ? 'dead' : 'alive';
}

/** When a process started; undefined if there is none of that id, or it has ended and only waits to be reaped. */
export function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    const isForbidden = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (!isForbidden) return undefined;
  }
  if (process.platform === 'linux') {
    const stat = statOf(pid);
    return stat === undefined || stat.state === 'Z' ? undefined : stat.started;
  }
  if (process.platform === 'win32') return '';
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** Clock ticks since the machine started. */
  readonly started: string;
}

/** What Linux says of a process; undefined elsewhere, or without it. */
export function statOf(pid: number | 'self'): ProcessStat | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  // The name in brackets may hold anything, brackets and spaces too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20) return undefined;
  const [state = '', parent = '', , session = ''] = fields;
  return { state, parent: Number(parent), session: Number(session), started: fields[19] ?? '' };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
