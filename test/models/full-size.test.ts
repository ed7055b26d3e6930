import { describe, expect, it } from 'vitest';
import { adapters } from '../ops/harness.ts';
import { withProgram } from './device.ts';
import {
  expectStep,
  interpreted,
  readGolden,
  recordEvaluation,
  recordStep,
  relativeError,
} from './golden.ts';

/**
 * Full-size models at 224 px against PyTorch, up to a minute each on a software adapter: run with LARGEKERNEL_FULL_SIZE=1, or
 * with part of a case's name.
 */
const wanted = process.env['LARGEKERNEL_FULL_SIZE'];
const cases =
  wanted === undefined
    ? []
    : readGolden('full-size.json').filter(([name]) => wanted === '1' || name.includes(wanted));

/**
 * RepLKNet has ReLUs, whose gradient jumps where rounding changes a sign: PyTorch in float32 is 1.1e-2 away from PyTorch in float64
 * (gradient of the images, replknet-3b).
 */
const gradientTolerance = (name: string) => (name.startsWith('replknet') ? 3e-2 : 1e-3);

/** RepLKNet at 32 px in float64, where no rounding changes a sign: about a minute each. */
const exact =
  wanted === undefined
    ? []
    : readGolden('full-width.json').filter(([name]) => wanted === '1' || name.includes(wanted));

/** Some hundred layers, the last with a BatchNorm over three values, make 1e-9 of 1e-16. */
const DEEP = { logits: 1e-7, gradients: 1e-6 };

describe.skipIf(exact.length === 0)('at full width in float64', { timeout: 900_000 }, () => {
  it.each(exact)(
    '%s gives the logits, gradients and running statistics of PyTorch',
    async (_name, golden) => {
      const step = recordStep(golden);
      await expectStep(golden, step, interpreted(step), DEEP);
      const evaluation = recordEvaluation(golden);
      const logits = interpreted(evaluation)(evaluation.logits);
      expect(relativeError(logits, golden.evaluated)).toBeLessThan(DEEP.logits);
    },
  );
});

describe.skipIf(cases.length === 0).each(adapters)('at full size on %s', { timeout: 900_000 }, (kind) => {
  it.each(cases)('%s gives the logits, gradients and running statistics of PyTorch', async (name, golden) => {
    const step = recordStep(golden);
    await withProgram(kind, step, [step.logits, step.loss, step.dx], (read) =>
      expectStep(golden, step, read, { logits: 1e-4, gradients: gradientTolerance(name) }),
    );
    const evaluation = recordEvaluation(golden);
    await withProgram(kind, evaluation, [evaluation.logits], async (read) => {
      expect(relativeError(await read(evaluation.logits), golden.evaluated)).toBeLessThan(1e-4);
    });
  });
});
