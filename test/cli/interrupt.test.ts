import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { onStopRequests, STOP_SIGNALS, untilInterrupted } from '../../src/cli/interrupt.ts';
import { partText } from '../../src/cli/evaluate.ts';
import { EvaluationCounter } from '../../src/training/evaluation/evaluation.ts';
import { isGone, onlookersOf, PARENT_VARIABLE } from '../../src/cli/onlookers.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  vi.restoreAllMocks();
});

function start(
  command: string[],
  options: { detached?: boolean; env?: NodeJS.ProcessEnv } = {},
): ChildProcess {
  const child = spawn(command[0]!, command.slice(1), { stdio: 'ignore', ...options });
  children.push(child);
  return child;
}
const sleeper = (options = {}) => start(['sleep', '60'], options).pid!;
const end = (child: ChildProcess) =>
  new Promise((done) => {
    child.on('close', done);
    child.kill('SIGKILL');
  });

/** Other processes may keep the machine busy. */
const soon = (holds: () => void) => vi.waitFor(holds, { timeout: 60_000 });

describe.skipIf(process.platform !== 'linux')('who looks on', () => {
  const base = { env: {}, detach: false };
  const pids = (from: Parameters<typeof onlookersOf>[0]) => onlookersOf(from).map(({ pid }) => pid);

  it('is the process that started the command, until it ends', async () => {
    const parent = start(['sleep', '60']);
    const onlookers = onlookersOf({ ...base, pid: sleeper(), parent: parent.pid! });
    expect(onlookers.map(({ pid }) => pid)).toEqual([parent.pid]);
    expect(onlookers.some(isGone)).toBe(false);
    await end(parent);
    expect(onlookers.some(isGone)).toBe(true);
  });

  it('is npx too, where it started a shell for the command', async () => {
    // More than one command, so that the shell does not become the program itself.
    const shell = start(['sh', '-c', 'sleep 60; true']).pid!;
    await soon(() => {
      expect(pids({ ...base, pid: sleeper(), parent: shell })).toEqual([shell, process.pid]);
    });
  });

  it('is nobody where the command was sent to the background on purpose, or the first process started it', () => {
    const parent = process.pid;
    const nohup = { _: '/usr/bin/nohup' };
    expect(pids({ ...base, detach: true, pid: sleeper(), parent })).toEqual([]);
    expect(pids({ ...base, pid: sleeper({ detached: true }), parent })).toEqual([]); // setsid
    expect(pids({ ...base, env: nohup, pid: sleeper(), parent })).toEqual([]);
    expect(pids({ ...base, pid: sleeper(), parent: 1 })).toEqual([]);
    expect(pids({ ...base, pid: sleeper(), parent: 0 })).toEqual([]);
  });

  it('is npx, where nohup was said of npx', async () => {
    const env = { ...process.env, _: '/usr/bin/nohup' };
    const npx = sleeper({ env });
    await soon(() => {
      expect(pids({ ...base, env, pid: sleeper({ env }), parent: npx })).toEqual([npx]);
    });
  });

  it('is the sweep that started a run, in whatever session', () => {
    const sweep = sleeper();
    const env = { [PARENT_VARIABLE]: String(sweep) };
    expect(pids({ ...base, env, pid: sleeper({ detached: true }), parent: 1 })).toEqual([sweep]);
  });
});

describe('a request to stop', () => {
  function listen(detach = false) {
    const heard: string[] = [];
    const off = onStopRequests({
      detach,
      asked: (why) => heard.push(why),
      again: (signal) => heard.push(`again ${signal}`),
    });
    return { heard, off };
  }

  it.each(STOP_SIGNALS)('comes by %s, once', (signal) => {
    const { heard, off } = listen();
    process.emit(signal, signal);
    process.emit(signal, signal); // the terminal's, and npx passing it on
    off();
    expect(heard).toEqual([signal]);
    expect(process.listenerCount(signal)).toBe(0);
  });

  it('becomes one to end at once with a second Ctrl-C, never with a hang-up or a scheduler’s signal', () => {
    const { heard, off } = listen();
    const now = vi.spyOn(performance, 'now').mockReturnValue(1000);
    process.emit('SIGINT', 'SIGINT');
    now.mockReturnValue(3000);
    for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.emit(signal, signal);
    expect(heard).toEqual(['SIGINT']);
    process.emit('SIGINT', 'SIGINT');
    off();
    expect(heard).toEqual(['SIGINT', 'again SIGINT']);
  });

  it('is not the end of the terminal where it was detached', () => {
    const { heard, off } = listen(true);
    process.emit('SIGHUP', 'SIGHUP');
    expect(heard).toEqual([]);
    process.emit('SIGTERM', 'SIGTERM');
    off();
    expect(heard).toEqual(['SIGTERM']);
  });

  it('comes when the sweep has ended', async () => {
    const sweep = start(['sleep', '60']);
    process.env[PARENT_VARIABLE] = String(sweep.pid);
    const { heard, off } = listen();
    delete process.env[PARENT_VARIABLE];
    await end(sweep);
    await soon(() => {
      expect(heard).toEqual([`process ${sweep.pid}, which started this, has ended (--detach goes on)`]);
    });
    off();
  });
});

describe('a command without anything to finish', () => {
  it('ends at once and says what it has: an evaluation the accuracy so far, as one of a part', async () => {
    const counter = new EvaluationCounter(2);
    counter.add(Float32Array.of(1, 0, 1, 0), Int32Array.of(0, 1));
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await untilInterrupted(
      async () => {
        process.emit('SIGTERM', 'SIGTERM');
      },
      () => partText({ counter, total: 50 }),
    );
    await soon(() => {
      expect(exit).toHaveBeenCalledWith(75);
    });
    expect(written.mock.calls.join('')).toMatch(
      /SIGTERM: only the first 2 of 50 images were evaluated: on them top-1 50\.000 %/,
    );
    expect(partText({ counter: undefined, total: 0 })).toBe('no image was evaluated yet');
  });
});
