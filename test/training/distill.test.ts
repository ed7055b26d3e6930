import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { latestCheckpoint, readCheckpointFile } from '../../src/training/run/checkpoints.ts';
import { targetOf } from '../../src/training/planning/fit.ts';
import { loadChecked } from '../../src/training/effects.ts';
import { withTeacher } from '../../src/training/weights/teacher.ts';
import { runCommand } from '../cli/run.ts';
import { adapters } from '../ops/harness.ts';
import { across, FOLDER, golden, SETTINGS, TRANSFORMER, type Golden } from './golden.ts';
import { runTiny, scratchFolder, tinyRecipe, traces } from './tiny.ts';

const STUDENT = join(FOLDER, 'plain.safetensors');
/** With BatchNorm, whose running statistics would move in training mode. */
const TEACHER = join(FOLDER, 'slak.safetensors');
const TRANSFORMER_FILE = join(FOLDER, 'transformer.safetensors');
const distill = (kind: string, teacher = TEACHER) => [
  ...SETTINGS,
  `distill.teacher=${teacher}`,
  `distill.kind=${kind}`,
  'distill.alpha=0.7',
  ...(kind === 'soft' ? ['distill.temperature=3'] : []),
];

interface Step {
  readonly loss: number;
  readonly gradNorm: number;
}

const load = async (...overrides: string[]) =>
  (await loadChecked(tinyRecipe(scratchFolder()), overrides)).recipe;

async function expectSteps(out: string, want: Pick<Golden, 'losses' | 'gradNorms'>): Promise<void> {
  const { metrics } = await traces(out);
  const steps = metrics.filter((record) => (record as { kind: string }).kind === 'step') as Step[];
  expect(steps).toHaveLength(10);
  steps.forEach(({ loss, gradNorm }, i) => {
    expect(Math.abs(loss / want.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4);
    expect(Math.abs(gradNorm / want.gradNorms[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(1e-3);
  });
}

describe.each(adapters)('distillation on %s', (adapter) => {
  it('of a transformer to a CNN has the losses and gradients of PyTorch', { timeout: 900_000 }, async () => {
    const out = join(scratchFolder(), 'run');
    // The file does not tell its heads; a copy does.
    const teacher = join(scratchFolder(), 'teacher.safetensors');
    const [, ...settings] = TRANSFORMER;
    const named = ['--model', 'deit-s16', ...settings.flatMap((setting) => ['--set', setting])];
    expect((await runCommand('convert', TRANSFORMER_FILE, teacher, ...named)).code).toBe(0);
    await runTiny(adapter, out, { overrides: distill('soft', teacher), init: STUDENT, maxSteps: 10 });
    await expectSteps(out, across.cnn);
  });

  it('of a CNN to a transformer has the losses and gradients of PyTorch', { timeout: 900_000 }, async () => {
    const out = join(scratchFolder(), 'run');
    const settings = distill('hard').filter((setting) => !/^(model|optimizer)/.test(setting));
    const overrides = [...settings, ...TRANSFORMER, 'optimizer.lr=1e-3'];
    await runTiny(adapter, out, { overrides, init: TRANSFORMER_FILE, maxSteps: 10 });
    await expectSteps(out, across.transformer);
    // As a teacher in its turn, the run says how many heads it has, and so do its files.
    const checkpoint = (await latestCheckpoint(join(out, 'checkpoints')))!;
    for (const teacher of [out, join(checkpoint.folder, 'model.safetensors')]) {
      const recipe = await load(`distill=${teacher}`);
      const target = await withTeacher(targetOf(undefined), recipe, 10);
      expect(target.teacher?.config).toMatchObject({ dim: 24, heads: 3, imageSize: 28 });
    }
  });

  it.each(['soft', 'hard'] as const)(
    '%s: ten steps have the losses and gradients of PyTorch',
    { timeout: 900_000 },
    async (kind) => {
      const out = join(scratchFolder(), 'run');
      await runTiny(adapter, out, { overrides: distill(kind), init: STUDENT, maxSteps: 10 });
      const want = golden[kind];
      await expectSteps(out, want);
      const checkpoint = (await latestCheckpoint(join(out, 'checkpoints')))!;
      const tensors = await readCheckpointFile(checkpoint, 'model.safetensors');
      for (const [name, [, absolute]] of Object.entries(want.state)) {
        const sum = tensors.get(name)!.reduce((t, v) => t + Math.abs(v), 0);
        expect(Math.abs(sum / absolute - 1), name).toBeLessThan(1e-3);
      }
    },
  );

  it('goes on bit-exactly, with the teacher it began with and no other', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    const teacher = join(folder, 'teacher.safetensors');
    copyFileSync(TEACHER, teacher);
    const changes = { overrides: distill('soft', teacher), init: STUDENT };
    await runTiny(adapter, join(folder, 'whole'), { ...changes, maxSteps: 4 });
    await runTiny(adapter, join(folder, 'parts'), { ...changes, maxSteps: 2 });
    await runTiny(adapter, join(folder, 'parts'), { ...changes, maxSteps: 4, resume: true });
    expect(await traces(join(folder, 'parts'))).toEqual(await traces(join(folder, 'whole')));
    copyFileSync(STUDENT, teacher);
    await expect(
      runTiny(adapter, join(folder, 'parts'), { ...changes, maxSteps: 5, resume: true }),
    ).rejects.toThrow(/teacher/);
  });
});

describe('a recipe with a teacher', () => {
  it('recognises the teacher by its weights', async () => {
    const recipe = await load(`distill=${TEACHER}`);
    const { teacher } = await withTeacher(targetOf(undefined), recipe, 10);
    expect(teacher?.config).toMatchObject({ variant: 'slak', depths: [1, 2], classes: 10 });
    expect(recipe.distill).toMatchObject({ kind: 'soft', alpha: 0.5, temperature: 1 });
  });

  it('refuses one whose heads nothing tells', async () => {
    const recipe = await load(`distill=${TRANSFORMER_FILE}`);
    await expect(withTeacher(targetOf(undefined), recipe, 10)).rejects.toMatchObject({
      code: 'distill/teacher',
      message: expect.stringContaining('model.heads leaves no trace in its tensors') as string,
      hint: expect.stringContaining('largekernel convert') as string,
    });
  });

  it('says what a file is not', async () => {
    const recipe = await load(`distill=${join(FOLDER, 'none.safetensors')}`);
    await expect(withTeacher(targetOf(undefined), recipe, 10)).rejects.toThrow(/none\.safetensors/);
  });

  it('refuses a temperature that changes nothing', async () => {
    const asked = [`distill=${TEACHER}`, 'distill.kind=hard', 'distill.temperature=2'];
    await expect(load(...asked)).rejects.toThrow(
      'distill.temperature was given, but it has no effect: distill.kind is not soft.',
    );
  });

  it('names the key that is missing', async () => {
    await expect(load('distill.kind=hard')).rejects.toThrow(/distill\.teacher/);
  });
});
