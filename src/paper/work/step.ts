/** One command of the project, and what it costs. */
import { shellQuote } from '../../sweeps/process.ts';

export interface Step {
  /** In one line, for plans. */
  readonly title: string;
  /** Arguments of `largekernel`. */
  readonly command: readonly string[];
  /** The folder of the run that it trains. */
  readonly run?: string;
  /** Models through which images pass, and how many multiply-adds that takes. */
  readonly work: readonly Work[];
}

/** Images through a model; a way back counts two. */
export interface Work {
  /** Preset. */
  readonly model: string;
  readonly imageSize: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly passes: number;
  /** Of one image, forward. */
  readonly macs: number;
}

/** Multiply-adds of some steps. */
export function macsOfSteps(steps: readonly Step[]): number {
  return steps.reduce((sum, { work }) => sum + work.reduce((s, { passes, macs }) => s + passes * macs, 0), 0);
}

export function passesOfSteps(steps: readonly Step[]): number {
  return steps.reduce((sum, { work }) => sum + work.reduce((s, { passes }) => s + passes, 0), 0);
}

/** A command line for a POSIX shell. Words that begin with a variable keep it. @example shellLine(['train', '--data', '$DATA']) */
export function shellLine(command: readonly string[]): string {
  const words = ['largekernel', ...command].map((word) =>
    /^\$[A-Z\d]+(\/[\w.+-]+)*$/.test(word) ? `"${word}"` : shellQuote([word]),
  );
  return words.join(' ');
}
