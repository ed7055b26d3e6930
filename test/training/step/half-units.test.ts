import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type * as Gemm from '../../../src/ops/matmul/gemm.ts';
import type * as Template from '../../../src/shader/template.ts';
import { adapters, deviceFor } from '../../ops/harness.ts';
import { FOLDER, golden, SETTINGS } from '../golden.ts';
import { runTiny, scratchFolder, traces } from '../tiny.ts';

// Every product of an activation in 16 bits as matrix units do it, with stand-ins for what only they can do.
vi.mock('../../../src/ops/matmul/gemm.ts', async (original) => {
  const gemm = await original<typeof Gemm>();
  const { ONE } = await import('../../ops/matrix-stand-ins.ts');
  const matmulVariants: typeof Gemm.matmulVariants = (shape, profile, half, ...rest) =>
    half ? [ONE] : gemm.matmulVariants(shape, profile, half, ...rest);
  return { ...gemm, matmulVariants };
});
vi.mock('../../../src/shader/template.ts', async (original) => {
  const template = await original<typeof Template>();
  const { withStandIns } = await import('../../ops/matrix-stand-ins.ts');
  const expandShader: typeof Template.expandShader = (...args) =>
    withStandIns(template.expandShader(...args));
  return { ...template, expandShader };
});

const canHalf = await Promise.all(
  adapters.map(async (kind) => (await deviceFor(kind)).device.features.has('shader-f16')),
);

describe.each(adapters.map((adapter, i) => ({ adapter, isHalf: canHalf[i] === true })))(
  'training with products on matrix units, by their stand-ins on $adapter',
  ({ adapter, isHalf }) => {
    it.skipIf(!isHalf)('has the losses of PyTorch in 32 bits', { timeout: 900_000 }, async () => {
      const out = join(scratchFolder(), 'run');
      const overrides = [...SETTINGS, 'precision=f16'];
      await runTiny(adapter, out, { overrides, init: join(FOLDER, 'plain.safetensors'), maxSteps: 10 });
      const { metrics } = await traces(out);
      const done = metrics.filter((record) => (record as { kind: string }).kind === 'step') as {
        loss: number;
        gradNorm: number;
      }[];
      expect(done).toHaveLength(10);
      done.forEach(({ loss, gradNorm }, i) => {
        expect(Math.abs(loss / golden.plain.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(2e-4);
        expect(Math.abs(gradNorm / golden.plain.gradNorms[i]! - 1), `norm of step ${i + 1}`).toBeLessThan(
          1e-3,
        );
      });
    });
  },
);
