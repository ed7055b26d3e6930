import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { latestCheckpoint, readCheckpointFile } from '../../src/training/checkpoints.ts';
import { adapters } from '../kernels/harness.ts';
import { runTiny, scratchFolder, traces } from './tiny.ts';

interface Golden {
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  readonly state: Readonly<Record<string, readonly [sum: number, absolute: number]>>;
  readonly ema: Readonly<Record<string, readonly [sum: number, absolute: number]>>;
}

// Made by test/golden/training/make.py.
const FOLDER = fileURLToPath(new URL('../golden/training/', import.meta.url));
const golden = JSON.parse(readFileSync(join(FOLDER, 'steps.json'), 'utf8')) as Record<
  'plain' | 'slak',
  Golden
>;

const SETTINGS = [
  'data.limitTrain=64',
  'data.shuffle=false',
  'augment=none',
  'augment.mixGroup=16',
  'batch.size=16',
  'batch.micro=16',
  'model.depths=[1,2]',
  'model.kernels=[7,9]',
  'model.dropPath=0',
  'schedule.epochs=3',
  'schedule.warmupSteps=3',
  'optimizer.lr=4e-3',
];
const SLAK = ['model.variant=slak', 'model.smallKernel=5'];

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
