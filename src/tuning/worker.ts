import { openDevice } from '../device/open.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { defined, messageOf } from '../util/errors.ts';
import { tuneProblem } from './measure.ts';
import { keyOf } from './problem.ts';
import type { TuneAnswer, TuneQuestion } from './process.ts';
import { kernelsOf, OPS } from '../execution/kernels.ts';

/** The process of process.ts: answers one question after another on the adapter that its argument names. */

const device = await openDevice(process.argv[2]);
const pipelines = new PipelineCache(device);

function say(answer: TuneAnswer): void {
  process.send?.(answer);
}

async function answer(question: TuneQuestion): Promise<void> {
  const { skipped, budgetMs } = question;
  const op = defined(
    OPS.find(({ name }) => name === question.op),
    `op ${question.op}`,
  );
  const context = { ...question.context, profile: device.profile };
  const kernels = kernelsOf(op);
  const variants = kernels.variants(context);
  const planned = defined(variants[0], 'variant');
  const problem = { key: keyOf(op, context), kernels, context, variants, planned, count: 1 };
  const onCompile = (position: number | undefined) => {
    say({ kind: 'compiling', position: position ?? null });
  };
  const tuned = await tuneProblem(device, pipelines, problem, {
    skipped: new Map(skipped),
    budgetMs,
    onCompile,
  });
  say({ kind: 'tuned', tuned });
}

process.on('message', (question: TuneQuestion) => {
  answer(question).catch((error: unknown) => {
    say({ kind: 'failed', message: messageOf(error) });
  });
});
// The parent handles interruptions. This process may be inside a compiler and could not end in an orderly way.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
