import { describe, expect, it } from 'vitest';
import { adapters } from '../kernels/harness.ts';
import { withProgram } from './device.ts';
import { expectStep, goldenCases, recordEvaluation, recordStep, relativeError } from './golden.ts';

/** SwiftShader takes 0.2 s to compile a shader, and every shape is one: there, one block has to do. */
const casesOf = (kind: string) =>
  goldenCases.filter(([name]) => kind !== 'swiftshader' || name === 'slak, one block');

// Software adapters compile for seconds, on a busy machine for much longer.
describe.each(adapters)('on %s', { timeout: 900_000 }, (kind) => {
  it.each(casesOf(kind))(
    '%s gives the loss, gradients and running statistics of PyTorch',
    async (_, golden) => {
      const step = recordStep(golden);
      await withProgram(kind, step, [step.logits, step.loss, step.dx], (read) =>
        expectStep(golden, step, read, { logits: 1e-4, gradients: 1e-3 }),
      );
    },
  );

  // With running statistics only BatchNorm runs other code than in training.
  it.each(casesOf(kind).filter(([name]) => /one block|replknet$/.test(name)))(
    '%s gives the logits of PyTorch in evaluation',
    async (_, golden) => {
      const recorded = recordEvaluation(golden);
      await withProgram(kind, recorded, [recorded.logits], async (read) => {
        expect(relativeError(await read(recorded.logits), golden.evaluated)).toBeLessThan(1e-4);
      });
    },
  );
});
