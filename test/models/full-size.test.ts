import { describe, expect, it } from 'vitest';
import { adapters } from '../kernels/harness.ts';
import { withProgram } from './device.ts';
import { expectStep, readGolden, recordEvaluation, recordStep, relativeError } from './golden.ts';

/**
 * Full-size models at 224 px against PyTorch, up to a minute each on a software adapter: run with LARGEKERNEL_FULL_SIZE=1, or
 * with part of a case's name.
 */
const wanted = process.env['LARGEKERNEL_FULL_SIZE'];
const cases =
  wanted === undefined
    ? []
    : readGolden('full-size.json').filter(([name]) => wanted === '1' || name.includes(wanted));

describe.skipIf(cases.length === 0).each(adapters)('at full size on %s', { timeout: 900_000 }, (kind) => {
  it.each(cases)('%s gives the logits, gradients and running statistics of PyTorch', async (_, golden) => {
    const step = recordStep(golden);
    await withProgram(kind, step, [step.logits, step.loss, step.dx], (read) =>
      expectStep(golden, step, read, { logits: 1e-4, gradients: 1e-3 }),
    );
    const evaluation = recordEvaluation(golden);
    await withProgram(kind, evaluation, [evaluation.logits], async (read) => {
      expect(relativeError(await read(evaluation.logits), golden.evaluated)).toBeLessThan(1e-4);
    });
  });
});
