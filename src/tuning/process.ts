import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Device } from '../device/device.ts';
import { FrameworkError } from '../util/errors.ts';
import { moduleFlags, moduleUrl } from '../util/modules.ts';
import { PROBLEM_MS, type Tuned } from './measure.ts';
import { textOf, type Problem } from './problem.ts';
import { type LowerContext, lowerOp } from '../ops/kernels.ts';

/**
 * Variants are timed in a process of their own, because a driver's compiler cannot be interrupted. If it takes too long or crashes, only
 * that variant is lost.
 */

/** A question to the process: a problem as plain data. */
export interface TuneQuestion {
  readonly op: string;
  readonly context: Omit<LowerContext<unknown>, 'profile'>;
  readonly skipped: readonly (readonly [number, string])[];
  readonly budgetMs: number;
}

export type TuneAnswer =
  | { readonly kind: 'compiling'; readonly position: number | null }
  | { readonly kind: 'tuned'; readonly tuned: Tuned }
  | { readonly kind: 'failed'; readonly message: string };

/** A variant that takes longer to compile is not worth its gain. The first variant is exempt. */
const COMPILE_MS = 10_000;

/** How a question ended: with an answer, or with the end of the process, for which a variant is blamed. */
type Ending =
  | Exclude<TuneAnswer, { kind: 'compiling' }>
  | { readonly kind: 'lost'; readonly position: number; readonly reason: string };

export class TuningProcess {
  private readonly adapter: string;
  private child: ChildProcess | undefined;
  /** By shader file, the length of the shortest text that took too long to compile. */
  private readonly tooLong = new Map<string, number>();

  constructor(device: Device) {
    this.adapter = device.name;
  }

  /** @throws FrameworkError `device/tune` if the first variant cannot be run */
  async tune(problem: Problem): Promise<Tuned> {
    const begun = performance.now();
    const skipped = this.hopeless(problem);
    for (;;) {
      const [first, ...others] = problem.variants;
      if (first !== undefined && skipped.size === others.length) {
        const dropped = others.map((variant, i) => ({ variant, reason: skipped.get(i + 1) ?? '' }));
        return { variant: first, ruleMs: 0, ms: 0, dropped };
      }
      const ending = await this.ask(problem, skipped, Math.max(0, PROBLEM_MS - (performance.now() - begun)));
      if (ending.kind === 'tuned') return ending.tuned;
      if (ending.kind === 'failed' || ending.position === 0)
        throw new FrameworkError('device/tune', ending.kind === 'failed' ? ending.message : ending.reason);
      skipped.set(ending.position, ending.reason);
    }
  }

  close(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  /** Variants whose shader is at least as long as one of the same file that took too long to compile. */
  private hopeless(problem: Problem): Map<number, string> {
    const skipped = new Map<number, string>();
    problem.variants.forEach((_, position) => {
      const { shader, length } = longestShader(problem, position);
      if (position > 0 && length >= (this.tooLong.get(shader) ?? Infinity))
        skipped.set(position, `shaders/${shader} of this length takes too long to compile`);
    });
    return skipped;
  }

  private ask(problem: Problem, skipped: ReadonlyMap<number, string>, budgetMs: number): Promise<Ending> {
    if (this.child?.connected !== true) this.child = this.start();
    const { child } = this;
    const { inputs, outputs, attrs } = problem.context;
    const question: TuneQuestion = {
      op: problem.kernels.op.name,
      context: { inputs, outputs, attrs },
      skipped: [...skipped],
      budgetMs,
    };
    return new Promise((resolve) => {
      let position = 0;
      let timer: NodeJS.Timeout | undefined;
      const end = (ending: Ending) => {
        clearTimeout(timer);
        for (const event of ['message', 'exit']) child.removeAllListeners(event);
        if (ending.kind === 'lost') this.close();
        resolve(ending);
      };
      child.on('message', (answer: TuneAnswer) => {
        clearTimeout(timer);
        if (answer.kind !== 'compiling') {
          end(answer);
          return;
        }
        position = answer.position ?? position;
        if (answer.position === null || position === 0) return;
        timer = setTimeout(() => {
          const { shader, length } = longestShader(problem, position);
          this.tooLong.set(shader, Math.min(length, this.tooLong.get(shader) ?? Infinity));
          end({ kind: 'lost', position, reason: `it takes more than ${COMPILE_MS / 1000} s to compile` });
        }, COMPILE_MS);
      });
      child.on('exit', (code, signal) => {
        end({ kind: 'lost', position, reason: `it ended the process (${signal ?? code ?? ''})` });
      });
      child.send(question, (error) => {
        if (error !== null) end({ kind: 'lost', position: 0, reason: error.message });
      });
    });
  }

  private start(): ChildProcess {
    const worker = fileURLToPath(moduleUrl('./worker', import.meta.url));
    const child = fork(worker, [this.adapter], {
      execArgv: moduleFlags(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    // 'exit' follows, and `ask` listens to that.
    child.on('error', () => undefined);
    return child;
  }
}

function longestShader(
  { kernels, context, variants }: Problem,
  position: number,
): { shader: string; length: number } {
  const variant = variants[position];
  const dispatches = variant === undefined ? [] : lowerOp(kernels, context, variant).dispatches;
  return dispatches
    .map((dispatch) => ({ shader: dispatch.shader, length: textOf(dispatch).length }))
    .reduce((longest, other) => (other.length > longest.length ? other : longest), { shader: '', length: 0 });
}
