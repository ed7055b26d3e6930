import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { propose } from '../../src/recipe/propose.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { loadSweep } from '../../src/sweeps/sweep.ts';
import { checkEffects } from '../../src/training/effects.ts';
import { modelOfRecipe } from '../../src/training/weights/recipe-model.ts';
import { scratchFolder } from '../training/tiny.ts';
import { adapters } from '../ops/harness.ts';
import { runCommand } from './run.ts';

const IMAGES = new URL('../golden/datasets/images/train/', import.meta.url).pathname;
const [PHOTO] = readdirSync(join(IMAGES, 'n01440764'));

/** Two classes of twelve photographs each, in folders of classes alone. */
function photographs(): string {
  const root = join(scratchFolder(), 'my photos');
  for (const name of ['cat', 'dog']) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 10; i < 22; i++) cpSync(join(IMAGES, 'n01440764', PHOTO!), join(root, name, `${i}.jpg`));
  }
  return root;
}

describe('init', () => {
  it('writes a recipe and a sweep for a folder of classes, of which it holds out a tenth', async () => {
    const [root, out] = [photographs(), scratchFolder()];
    writeFileSync(join(root, 'cat', 'phone.heic'), 'x');
    const { code, stdout, stderr } = await runCommand('init', root, '--out', out);
    expect(code).toBe(0);
    expect(stderr).toMatch(/2 validation images: each is 50\.0 points of top-1/);
    expect(stderr).toMatch(/1 \.heic file left out, cat\/phone\.heic/); // no link leads to it, so training cannot say it
    expect(stdout).toMatch(
      /22 training and 2 validation images of 2 classes \(cat, dog\)[^]*next: .*--dry-run/,
    );
    const loaded = await loadRecipe(join(out, 'my-photos.yaml'));
    expect(loaded.recipe.data).toMatchObject({ root: `${root}-split`, dataset: 'image-folder' });
    expect(loaded.recipe.batch.size).toBeLessThanOrEqual(22);
    checkEffects(loaded);
    expect(modelOfRecipe(loaded.recipe, 2).config.classes).toBe(2);
    const sweep = await loadSweep(join(out, 'my-photos-kernels.yaml'));
    expect(sweep.points).toHaveLength(3);
    expect(readdirSync(join(`${root}-split`, 'val', 'cat'))).toEqual(['19.jpg']);
    const again = await runCommand('init', root, '--out', out);
    expect(again.stderr).toMatch(/is there already/);
    expect(readFileSync(join(out, 'my-photos.yaml'), 'utf8')).toContain('lrPer: 128');
  });

  it('leaves nothing behind where no class has enough images', async () => {
    const root = photographs();
    for (const name of ['cat', 'dog']) for (let i = 19; i < 22; i++) rmSync(join(root, name, `${i}.jpg`));
    const { code, stderr } = await runCommand('init', root, '--out', scratchFolder());
    expect(code).toBe(3);
    expect(stderr).toMatch(/has 10 images.* the largest has 9/);
    expect(readdirSync(dirname(root))).toEqual(['my photos']);
  });

  it('does not take data sets for classes', async () => {
    const root = photographs();
    const project = dirname(root);
    const init = (folder: string) => runCommand('init', folder, '--out', scratchFolder());
    const above = await init(project); // one folder, of which each class is a subfolder
    expect(above.stderr).toMatch(
      /no folder in \S+ holds images itself, all have folders of their own: my photos \(cat, dog\); if those are the classes, give/,
    );
    expect((await init(root)).code).toBe(0); // makes my photos-split beside it
    rmSync(`${project}-split`, { recursive: true, force: true });
    const { code, stderr } = await init(project);
    expect([code, stderr]).toEqual([
      3,
      expect.stringMatching(
        /holds data sets of its own, my photos-split \(train, val\)[^]*init \S+my photos-split/,
      ),
    ]);
    expect(existsSync(`${project}-split`)).toBe(false);
  });

  it('chooses sizes that suit the images', () => {
    const facts = { name: 'x', root: '/x', training: 50_000, isUniform: true };
    expect(propose({ ...facts, side: 32 })).toMatchObject({ imageSize: 32, batch: 128, epochs: 20 });
    expect(propose({ ...facts, side: 500, training: 600 })).toMatchObject({
      imageSize: 224,
      batch: 64,
      epochs: 100,
    });
    const small = propose({ ...facts, side: 500, imageSize: 48 });
    expect(small.imageSize).toBe(48);
    expect(small.recipe).toMatch(/resize: 55\n +crop: 48/);
  });

  it('takes a size, within reason', async () => {
    const { code, stderr } = await runCommand('init', photographs(), '--image-size', '8');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/from 32 to 1024/)]);
  });
});

describe('plan', () => {
  it('says hours at a rate, what decided the micro-batch, and plans for a card', async () => {
    const plan = async (...more: string[]) => {
      const { stdout } = await runCommand('plan', '--recipe', 'quickstart', '--json', ...more);
      return JSON.parse(stdout) as { hours: number | null; micro: number; decidedBy: string; time: string };
    };
    expect((await plan('--images-per-second', '100')).hours).toBeCloseTo((1560 * 32) / 100 / 3600, 10);
    expect((await plan()).decidedBy).toBe('given');
    const automatic = ['--set', 'batch.micro=auto'];
    expect(await plan(...automatic)).toMatchObject({
      micro: 32,
      decidedBy: 'all 32 images that are mixed together',
    });
    expect((await plan(...automatic, '--memory', '0.005')).decidedBy).toMatch(
      /^memory: \d+ would need .* of 0\.0. GiB/,
    );
    expect((await plan('--for', 'rtx-4090')).time).toMatch(
      /^about .* an estimate from \d+ % of the peak of 82\.6 TFLOPS/,
    );
    const { hours } = await plan('--for', 'rtx-4090');
    for (const name of ['RTX-4090', 'rtx4090', 'RTX 4090', 'NVIDIA GeForce RTX 4090'])
      expect((await plan('--for', name)).hours).toBe(hours);
    expect((await runCommand('plan', '--recipe', 'quickstart', '--for', 'rtx-4091')).stderr).toMatch(
      /rtx-4090/,
    );
  });

  it('measures the rate of a few steps where it is told to', async () => {
    const [adapter = 'auto'] = adapters;
    const line = ['--recipe', 'quickstart', '--json', '--measure', '--adapter', adapter, '--memory', '1'];
    const { stdout } = await runCommand('plan', ...line);
    const { hours, time } = JSON.parse(stdout) as { hours: number; time: string };
    const rate = Number(/at ([\d.]+) images\/s/.exec(time)?.[1]);
    expect(rate).toBeGreaterThan(0);
    expect(hours).toBeCloseTo((1560 * 32) / rate / 3600, 10);
  });

  it('says hours of a data set that is not there, by its published size', async () => {
    const recipe = [
      '--recipe',
      'convnext-atto',
      '--set',
      'data.root=/nowhere',
      '--set',
      'data.imageSize=64',
      '--set',
      'schedule.warmupEpochs=0',
      '--json',
    ];
    const plan = async (...more: string[]) => {
      const { stdout } = await runCommand('plan', ...recipe, ...more);
      return JSON.parse(stdout) as { hours: number | null; batch: number; time: string };
    };
    const { hours, time, batch } = await plan('--for', 'h200', '--set', 'schedule.epochs=1');
    expect(hours).toBeGreaterThan(0);
    expect(time).toContain('of the 1,281,167 images that imagenet has as published');
    expect(time).toContain(`for ${Math.floor(1_281_167 / batch)} steps`);
    const own = await plan('--for', 'h200', '--set', 'data.dataset=image-folder', '--set', 'model.classes=7');
    expect([own.hours, own.time]).toEqual([
      null,
      expect.stringMatching(/could not be counted \(\/nowhere is no folder/),
    ]);
  });

  it('refuses images too small for the model as a slip of the recipe', async () => {
    const stages = [
      'model.depths=[1,1,1,1]',
      'model.dims=[8,8,8,8]',
      'model.kernels=3',
      'model.stemStride=4',
    ];
    const { code, stderr } = await runCommand('plan', '--recipe', 'quickstart', ...stages.flatMap((text) => ['--set', text])); // prettier-ignore
    expect([code, stderr]).toEqual([2, expect.stringMatching(/leave no output[^]*data\.imageSize/)]);
  });
});
