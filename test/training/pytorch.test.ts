import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { latestCheckpoint, readCheckpointFile } from '../../src/training/run/checkpoints.ts';
import { adapters } from '../ops/harness.ts';
import { FOLDER, golden, SETTINGS, TRANSFORMER, transformerLosses } from './golden.ts';
import { runTiny, scratchFolder, traces } from './tiny.ts';

const SLAK = ['model.variant=slak', 'model.smallKernel=5'];

const VIT = [
  ...SETTINGS.filter((setting) => !/^(model|schedule|optimizer)/.test(setting)),
  ...TRANSFORMER,
  'schedule.epochs=25',
  'schedule.warmupSteps=3',
  'optimizer.lr=1e-3',
  // Nothing but losses is looked at.
  'evaluation.everyEpochs=25',
  'checkpoint.everyEpochs=25',
  'checkpoint.everySteps=100',
];

describe.each(adapters)('a hundred AdamW steps of a DeiT against PyTorch on %s', (adapter) => {
  it('losses', { timeout: 900_000 }, async () => {
    const out = join(scratchFolder(), 'run');
    await runTiny(adapter, out, { overrides: VIT, init: join(FOLDER, 'transformer.safetensors') });
    const steps = (await traces(out)).metrics.filter(
      (record) => (record as { kind: string }).kind === 'step',
    );
    expect(steps).toHaveLength(100);
    (steps as { loss: number }[]).forEach(({ loss }, i) => {
      expect(Math.abs(loss / transformerLosses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-3);
    });
  });
});

describe.each(adapters)('ten AdamW steps against PyTorch on %s', (adapter) => {
  it.each(['plain', 'slak'] as const)(
    '%s: losses, gradient norms, running statistics, averages',
    { timeout: 900_000 },
    async (variant) => {
      const out = join(scratchFolder(), 'run');
      await runTiny(adapter, out, {
        overrides: [...SETTINGS, ...(variant === 'slak' ? SLAK : [])],
        init: join(FOLDER, `${variant}.safetensors`),
        maxSteps: 10,
      });
      const want = golden[variant];
      const steps = (await traces(out)).metrics.filter(
        (record) => (record as { kind: string }).kind === 'step',
      ) as { loss: number; gradNorm: number }[];
      expect(steps).toHaveLength(10);
      steps.forEach(({ loss, gradNorm }, i) => {
        expect(Math.abs(loss / want.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4);
        expect(Math.abs(gradNorm / want.gradNorms[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(
          1e-3,
        );
      });
      const checkpoint = (await latestCheckpoint(join(out, 'checkpoints')))!;
      for (const [file, sums] of [
        ['model.safetensors', want.state],
        ['ema.safetensors', want.ema],
      ] as const) {
        const tensors = await readCheckpointFile(checkpoint, file);
        for (const [name, [sum, absolute]] of Object.entries(sums)) {
          const data = tensors.get(name)!;
          expect(Math.abs(data.reduce((t, v) => t + v, 0) - sum), `${file} ${name}`).toBeLessThan(
            1e-3 * absolute + 1e-5,
          );
          expect(
            Math.abs(data.reduce((t, v) => t + Math.abs(v), 0) / absolute - 1),
            `${file} ${name}`,
          ).toBeLessThan(1e-3);
        }
      }
    },
  );
});
