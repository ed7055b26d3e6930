import { CommanderError } from 'commander';
import { FrameworkError } from '../util/errors.ts';

/**
 * Exit codes, by the area before the slash of an error's code.
 *
 * | code | meaning |
 * | ---- | ------- |
 * | 0 | done |
 * | 1 | an internal error: please report it |
 * | 2 | the command line or the recipe is wrong |
 * | 3 | the data are missing, unreadable or incomplete |
 * | 4 | a checkpoint or weight file is missing, damaged or does not fit the model |
 * | 5 | no adapter, or the GPU reported an error |
 * | 6 | the plan does not fit the adapter |
 * | 7 | training met a non-finite loss |
 * | 8 | a file is missing or could not be read or written |
 * | 9 | another process holds the folder |
 * | 10 | MPI is missing, or the ranks do not fit together |
 * | 75 | interrupted by a signal after saving; run again with --resume |
 * | 130, 143 | a second Ctrl-C or TERM, or one during work of the device that does not end in time: nothing more was saved |
 */
export const EXIT_CODES: Readonly<Record<string, number>> = {
  cli: 2,
  recipe: 2,
  model: 2,
  augment: 2,
  schedule: 2,
  distill: 2,
  attack: 2,
  benchmark: 2,
  corruption: 2,
  analysis: 2,
  data: 3,
  image: 3,
  evaluate: 3,
  video: 3,
  metrics: 3,
  formats: 4,
  checkpoint: 4,
  device: 5,
  plan: 6,
  training: 7,
  file: 8,
  onnx: 8,
  web: 8,
  held: 9,
  mpi: 10,
};
export const EXIT_INTERRUPTED = 75;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof FrameworkError) return EXIT_CODES[error.code.split('/')[0] ?? ''] ?? 1;
  return 1;
}

/** The text for the user: message and hint; a stack only for internal errors. */
export function describeError(error: unknown): string {
  if (error instanceof FrameworkError) {
    return `error: ${error.message}${error.hint === undefined ? '' : `\nhint: ${error.hint}`}`;
  }
  if (error instanceof Error)
    return `internal error: ${error.stack ?? error.message}\nPlease report this with the command you ran.`;
  return `internal error: ${String(error)}`;
}
