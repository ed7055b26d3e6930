import { describe, expect, it } from 'vitest';
import { adapters } from '../ops/harness.ts';
import { withProgram } from './device.ts';
import { expectStep, goldenCases, recordEvaluation, recordStep, relativeError } from './golden.ts';

/**
 * Software adapters compile for seconds, and every shape is a shader of its own: there, models that have every op between them have to
 * do, and one block on SwiftShader. The interpreter runs all of them (golden.test.ts).
 */
const ON_PROCESSORS: Readonly<Record<string, readonly string[]>> = {
  swiftshader: ['slak, one block', 'vision transformer without a classifier'],
  lavapipe: [
    'slak, one block',
    'convnext plain, overlapping stem, three stages',
    'replknet',
    'resnet cifar',
    'vision transformer',
  ],
};
const casesOf = (kind: string) => goldenCases.filter(([name]) => ON_PROCESSORS[kind]?.includes(name) ?? true);

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
  it.each(casesOf(kind).filter(([name]) => /one block|replknet$|transformer/.test(name)))(
    '%s gives the logits of PyTorch in evaluation',
    async (_, golden) => {
      const recorded = recordEvaluation(golden);
      await withProgram(kind, recorded, [recorded.logits], async (read) => {
        expect(relativeError(await read(recorded.logits), golden.evaluated)).toBeLessThan(1e-4);
      });
    },
  );
});
