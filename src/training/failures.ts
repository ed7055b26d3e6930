/** Messages for numbers that are no longer finite: where it began, and which checkpoint is still good. */
import { FrameworkError } from '../util/errors.ts';
import type { TrainingJob } from './job.ts';
import { resumePoint, type ResumePoint } from './run/checkpoints.ts';
import type { RunFolder } from './run/run-folder.ts';
import type { Weights } from './step/session.ts';

/** Says which step was not finite, and which tensors are. */
export async function nonFiniteError(
  step: number,
  loss: number,
  gradNorm: number,
  { session, folder }: TrainingJob,
): Promise<FrameworkError> {
  const tensors = await session.nonFiniteTensors();
  const [first] = tensors;
  const others = tensors.length > 1 ? ` and ${tensors.length - 1} more tensors` : '';
  const where = first === undefined ? 'All gradients are finite.' : `Not finite: ${first}${others}.`;
  return new FrameworkError(
    'training/non-finite',
    `Step ${step} gave loss ${loss} and gradient norm ${gradNorm}. ${where}`,
    {
      hint: `${await lastGood(folder)} Lower optimizer.lr, lengthen the warm-up or set optimizer.clipNorm.`,
    },
  );
}

/** The error for logits that are not finite. It names the step and the weights, and says what is kept. */
export async function evaluationError(
  error: unknown,
  step: number,
  weights: Weights,
  { folder }: TrainingJob,
): Promise<unknown> {
  if (!(error instanceof FrameworkError) || error.code !== 'checkpoint/non-finite') return error;
  return new FrameworkError(
    error.code,
    `The evaluation after step ${step} with ${weights} weights: ${error.message}`,
    {
      hint: `${await lastGood(folder)} Lower optimizer.lr or lengthen the warm-up.`,
      cause: error,
    },
  );
}

/** A checkpoint is called good only after it was read back. */
async function lastGood({ checkpoints }: RunFolder): Promise<string> {
  const found = await resumePoint(checkpoints, true).catch((error: unknown) => error);
  if (found === undefined) return 'There is no checkpoint yet.';
  if (found instanceof Error) return `No checkpoint is good: ${found.message}`;
  return `${(found as ResumePoint).checkpoint.folder} was saved before and read back: its checksums are right.`;
}
