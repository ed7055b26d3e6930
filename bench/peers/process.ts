import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ADAM, inputsOf } from './cases.ts';
import type { Reply, Request } from './child.ts';

/** How a peer is started. */
export interface Command {
  readonly name: string;
  readonly kind: 'ours' | 'webgpu' | 'pytorch';
  readonly file: string;
  readonly args: readonly string[];
}

export function nodePeer(name: string, adapter: string): Command {
  const script = fileURLToPath(new URL('child.ts', import.meta.url));
  const args = ['--import', import.meta.resolve('tsx'), script, name, adapter];
  return { name, kind: name === 'largekernel' ? 'ours' : 'webgpu', file: process.execPath, args };
}

export function pytorchPeer(python: string, layout: 'contiguous' | 'channels_last'): Command {
  const script = fileURLToPath(new URL('peers/pytorch.py', import.meta.url));
  return { name: `pytorch ${layout}`, kind: 'pytorch', file: python, args: [script, layout] };
}

/** A peer's process: started when it is first asked, and again after it died or was stopped for taking too long. */
export class PeerProcess {
  readonly command: Command;
  private child: ChildProcess | undefined;
  private waiting: ((reply: Reply) => void) | undefined;
  private readonly verbose: boolean;

  constructor(command: Command, verbose: boolean) {
    this.command = command;
    this.verbose = verbose;
  }

  /** The answer; where there is none, an error that says why. */
  async ask(request: Request, limitMs: number): Promise<Reply> {
    const child = (this.child ??= this.start());
    return new Promise((resolve) => {
      const settle = (reply: Reply): void => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve(reply);
      };
      const timer = setTimeout(() => {
        this.stop();
        settle({ error: `no result after ${Math.round(limitMs / 1000)} s` });
      }, limitMs);
      this.waiting = settle;
      const details = request.do === 'prepare' ? forPython(request) : {};
      child.stdin?.write(`${JSON.stringify({ ...request, ...details })}\n`);
    });
  }

  private start(): ChildProcess {
    const { file, args } = this.command;
    const noise = this.verbose ? 'inherit' : 'ignore';
    const child = spawn(file, args, { stdio: ['pipe', noise === 'inherit' ? 2 : 'ignore', noise, 'pipe'] });
    const ended = (why: string): void => {
      if (this.child !== child) return;
      this.child = undefined;
      this.waiting?.({ error: why });
    };
    child.on('error', (error) => {
      ended(`could not be started: ${error.message}`);
    });
    child.on('close', (code, signal) => {
      ended(`the process ended with ${signal ?? `exit code ${code}`}`);
    });
    child.stdin?.on('error', () => undefined); // the close above tells
    createInterface(child.stdio[3] as Readable).on('line', (line) => {
      this.waiting?.(JSON.parse(line) as Reply);
    });
    return child;
  }

  stop(): void {
    const child = this.child;
    this.child = undefined;
    child?.kill('SIGKILL');
  }
}

/** What the cases' module knows and Python cannot import. */
function forPython({ case: c }: Request & { readonly do: 'prepare' }): object {
  const inputs = inputsOf(c).map(({ name, shape }) => [name, shape]);
  return { inputs, case: { ...c, adam: ADAM } };
}
