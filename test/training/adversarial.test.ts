import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PROFILE } from '../../src/device/profile.ts';
import { createModel } from '../../src/models/registry.ts';
import { loadChecked } from '../../src/training/effects.ts';
import { fitPlan, targetOf } from '../../src/training/planning/fit.ts';
import { planReport } from '../../src/training/planning/plan-report.ts';
import { latestCheckpoint, readCheckpointFile } from '../../src/training/run/checkpoints.ts';
import { adapters } from '../ops/harness.ts';
import { FOLDER, SETTINGS } from './golden.ts';
import { runTiny, scratchFolder, tinyRecipe, traces } from './tiny.ts';

// Made by test/golden/training/adversarial.py.
const golden = JSON.parse(readFileSync(join(FOLDER, 'adversarial.json'), 'utf8')) as Record<
  'fast' | 'pgd',
  { losses: number[]; gradNorms: number[]; state: Record<string, [sum: number, absolute: number]> }
>;

const FAST = ['adversarial=0.05'];
const PGD = ['adversarial.eps=0.05', 'adversarial.steps=3', 'adversarial.randomStart=false'];
const SLAK = ['model.variant=slak', 'model.smallKernel=5'];

describe.each(adapters)('adversarial training on %s', (adapter) => {
  it.each([
    ['fast', 'plain', FAST],
    ['pgd', 'slak', [...PGD, ...SLAK]],
  ] as const)(
    '%s, %s: four steps have the losses and gradients of PyTorch',
    { timeout: 900_000 },
    async (kind, start, changes) => {
      const out = join(scratchFolder(), 'run');
      const init = join(FOLDER, `${start}.safetensors`);
      await runTiny(adapter, out, { overrides: [...SETTINGS, ...changes], init, maxSteps: 4 });
      const steps = (await traces(out)).metrics.filter(
        (record) => (record as { kind: string }).kind === 'step',
      ) as { loss: number; gradNorm: number }[];
      const want = golden[kind];
      expect(steps).toHaveLength(4);
      // Where a gradient is about zero its sign differs between any two programs, and with it a pixel by twice the step.
      steps.forEach(({ loss, gradNorm }, i) => {
        expect(Math.abs(loss / want.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-3);
        expect(Math.abs(gradNorm / want.gradNorms[i]! - 1), `gradient norm ${i + 1}`).toBeLessThan(5e-3);
      });
      const checkpoint = (await latestCheckpoint(join(out, 'checkpoints')))!;
      const tensors = await readCheckpointFile(checkpoint, 'model.safetensors');
      // Running statistics, too: they are those of the training passes alone.
      for (const [name, [, absolute]] of Object.entries(want.state)) {
        const sum = tensors.get(name)!.reduce((t, v) => t + Math.abs(v), 0);
        expect(Math.abs(sum / absolute - 1), name).toBeLessThan(5e-3);
      }
    },
  );

  it('goes on bit-exactly', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    const changes = { overrides: ['adversarial.eps=0.03', 'adversarial.steps=2'] };
    await runTiny(adapter, join(folder, 'whole'), { ...changes, maxSteps: 2 });
    await runTiny(adapter, join(folder, 'parts'), { ...changes, maxSteps: 1 });
    await runTiny(adapter, join(folder, 'parts'), { ...changes, maxSteps: 2, resume: true });
    expect(await traces(join(folder, 'parts'))).toEqual(await traces(join(folder, 'whole')));
  });
});

describe('a recipe with adversarial training', () => {
  const load = async (...overrides: string[]) =>
    (await loadChecked(tinyRecipe(scratchFolder()), overrides)).recipe;

  it('says its cost before it runs', async () => {
    const report = async (...overrides: string[]) => {
      const recipe = await load(...overrides);
      const { name, ...options } = recipe.model;
      const model = createModel(name, { ...options, classes: 10 });
      return planReport(recipe, fitPlan(recipe, model, { ...targetOf(undefined), profile: DEFAULT_PROFILE }));
    };
    const clean = await report();
    const once = await report(...FAST);
    const thrice = await report(...PGD);
    // A pass is less than a training pass: no weight gradients.
    const pass = once.stepMacs.nominal - clean.stepMacs.nominal;
    expect(pass).toBeGreaterThan(0.5 * clean.stepMacs.nominal);
    expect(pass).toBeLessThan(clean.stepMacs.nominal);
    expect(thrice.stepMacs.nominal - clean.stepMacs.nominal).toBe(3 * pass);
    expect(once.memory.total).toBeGreaterThan(clean.memory.total);
    expect(once.dispatches.microBatch).toBeGreaterThan(clean.dispatches.microBatch);
  });

  it('names the key that is missing and refuses what changes nothing', async () => {
    await expect(load('adversarial.steps=3')).rejects.toThrow(/adversarial\.eps/);
    await expect(load('adversarial.eps=0')).rejects.toThrow(/adversarial\.eps/);
    await expect(load('adversarial=0.1', 'adversarial.decay=1')).rejects.toThrow(/adversarial\.decay/);
    expect((await load('adversarial=0.1')).adversarial).toEqual({
      eps: 0.1,
      steps: 1,
      stepSize: null,
      randomStart: true,
    });
  });
});
