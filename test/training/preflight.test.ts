import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkTraining, describeCheck } from '../../src/training/dry-run.ts';
import { checkDisk } from '../../src/training/preflight.ts';
import { makeReporter } from '../../src/training/log/reporter.ts';
import { startTraining } from '../../src/training/start.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { runTiny, scratchFolder, tinyRecipe } from './tiny.ts';

const adapter = adapters[0]!;
const IMAGES = new URL('../golden/datasets/images/', import.meta.url).pathname;
const FOLDERS = ['data.dataset=image-folder', 'evaluation.resize=32', 'evaluation.crop=28', 'augment.crop=random-resized', 'batch.size=8', 'schedule.warmupSteps=1']; // prettier-ignore

/** A data set of folders with train and val. */
function photographs(): string {
  const root = join(scratchFolder(), 'photographs');
  for (const split of ['train', 'val']) {
    mkdirSync(root, { recursive: true });
    cpSync(join(IMAGES, 'train'), join(root, split), { recursive: true });
  }
  return root;
}

describe('before the first step', () => {
  it('a validation split that is not there is found, and nothing is written', async () => {
    const [data, out] = [photographs(), join(scratchFolder(), 'run')];
    rmSync(join(data, 'val'), { recursive: true });
    await expect(runTiny(adapter, out, { overrides: FOLDERS, data })).rejects.toThrow(/val/);
    expect(existsSync(out)).toBe(false);
  });

  it('so are an image of it that cannot be decoded, and a batch that is never full', async () => {
    const [data, out] = [photographs(), join(scratchFolder(), 'run')];
    await expect(runTiny(adapter, out, { overrides: [...FOLDERS, 'batch.size=1024'], data })).rejects.toThrow(
      /do not fill one batch of 1024/,
    );
    const broken = 'n01440764';
    cpSync(new URL('../../package.json', import.meta.url).pathname, join(data, 'val', broken, 'a.jpg'));
    await expect(runTiny(adapter, out, { overrides: FOLDERS, data })).rejects.toThrow(/a\.jpg/);
    expect(existsSync(out)).toBe(false);
  });

  it('a dry run says what would happen and writes nothing; a run after it is the same', async () => {
    const out = join(scratchFolder(), 'run');
    const request = {
      recipe: tinyRecipe(scratchFolder()), overrides: [], data: undefined, out, init: undefined, resume: false,
      maxSteps: undefined, adapter, memoryGib: undefined,
    }; // prettier-ignore
    const check = await checkTraining(request, makeReporter('quiet'), await deviceFor(adapter));
    expect(check).toMatchObject({
      folder: out,
      resumesAfter: null,
      classes: 10,
      batch: 16,
      micro: 4,
      steps: 6,
    });
    expect(check.checked).toMatchObject({ training: { images: 48 }, validation: { images: 20 } });
    expect(check.checked.disk.bytes).toBeGreaterThan(1000);
    // 6 steps of 16 images at three forward passes each, and 20 images evaluated with two sets of weights, twice
    expect(check.seconds).toBeGreaterThan(0);
    expect(describeCheck(check)).toMatch(/^time {8}about \d+ s on this adapter/m);
    expect(existsSync(out)).toBe(false);
  });

  it('steps and evaluations say how far they are', async () => {
    const heard = new Set<string>();
    const reporter = { ...makeReporter('quiet'), working: (what?: string) => heard.add(what ?? '') };
    const request = {
      recipe: tinyRecipe(scratchFolder()), overrides: ['evaluation.everyEpochs=2'], data: undefined, out: join(scratchFolder(), 'run'),
      init: undefined, resume: false, maxSteps: undefined, adapter, memoryGib: undefined,
    }; // prettier-ignore
    await startTraining(request, reporter, () => false, await deviceFor(adapter));
    expect(heard).toContain('step 6: micro-batch 4 of 4');
    expect(heard).toContain('evaluating raw weights: 8 of 20 images');
    expect(heard).toContain('evaluating averaged weights: 20 of 20 images');
  });

  it('a full disk is found', () => {
    const disk = { bytes: 100 * 2 ** 20, checkpoints: 4, present: 1 };
    expect(() => {
      checkDisk({ ...disk, free: 299 * 2 ** 20 }, 'runs/x');
    }).toThrow(
      'up to 4 checkpoints of 100.0 MiB at once, 300.0 MiB more than there are now, but its disk has 299.0 MiB',
    );
    checkDisk({ ...disk, free: 300 * 2 ** 20 }, 'runs/x');
    checkDisk({ ...disk, free: undefined }, 'runs/x');
  });
});
