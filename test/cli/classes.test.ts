import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openTensors } from '../../src/formats/open.ts';
import type { Problem } from '../../src/robustness/benchmarks/images/parts.ts';
import { RESULT } from '../../src/robustness/benchmarks/evaluation/result.ts';
import { latestCheckpoint } from '../../src/training/run/checkpoints.ts';
import { readSealed } from '../../src/util/sealed.ts';
import { temporaryFolder, writeTree } from '../data/fixtures.ts';
import { adapters } from '../ops/harness.ts';
import { runTiny, scratchFolder } from '../training/tiny.ts';
import { runCommand } from './run.ts';

const adapter = adapters[0];
const COLOURS = { ant: '#c82828', bee: '#28c828', cat: '#2828c8', dog: '#c8c828' };
type Name = keyof typeof COLOURS;
const ALL = Object.keys(COLOURS) as Name[];

/** Flat colours in class folders: learnt in a few steps. */
async function colours(
  root: string,
  split: string,
  names: readonly Name[],
  n: number,
  as = (name: string) => name,
) {
  for (const name of names) {
    const create = { width: 28, height: 28, channels: 3 as const, background: COLOURS[name] };
    const png = await sharp({ create }).png().toBuffer();
    for (let i = 0; i < n; i++) writeTree(root, { [`${split}/${as(name)}/${i}.png`]: png });
  }
}

const SETTINGS = [
  'data.dataset=image-folder', 'data.limitTrain=null', 'data.limitVal=null', 'augment=none', 'ema=null',
  'model.dropPath=0', 'model.layerScaleInit=1', 'schedule.epochs=6', 'evaluation.everyEpochs=6', 'schedule.warmupSteps=null', 'schedule.warmupEpochs=0', 'optimizer.lr=1e-2',
  'evaluation.resize=28', 'evaluation.crop=28', 'checkpoint.everySteps=null',
]; // prettier-ignore

describe('data verify', () => {
  const args = (root: string, split: string) => ['verify', 'image-folder', '--data', root, '--split', split];

  it('shows the labels that training would use', async () => {
    const root = temporaryFolder();
    await colours(root, 'train', ALL, 1);
    await colours(root, 'val', ['bee', 'dog'], 1);
    await colours(root, 'test', ['bee', 'cat'], 1, (name) => `${name}s`);
    const { stdout } = await runCommand('data', ...args(root, 'val'));
    expect(stdout).toMatch(/^ {5}1 {2}bee: 1\n {5}3 {2}dog: 1$/m);
    expect(stdout).toMatch(
      /^4 classes, of .*train \(data.classes: auto\), matched by name: ant, bee, cat, dog$/m,
    );
    expect(stdout).toMatch(/val has no images of 2 of 4 classes: ant, cat$/m);
    const other = await runCommand('data', ...args(root, 'test'));
    expect(other.stderr).toContain('2 classes are not among the 4 of');
    const chosen = await runCommand('data', ...args(root, 'test'), '--classes', 'folders', '--json');
    expect(chosen.code).not.toBe(0);
    rmSync(join(root, 'train'), { recursive: true });
    const alone = await runCommand('data', ...args(root, 'test'));
    expect(alone.stderr).toContain('the classes of train are not known');
    expect(alone.stdout).toMatch(/^ {5}0 {2}bees: 1$/m);
  });
});

describe.skipIf(adapter === undefined)('a run trained on folders', () => {
  const root = temporaryFolder();
  const run = join(root, 'run');
  const train = (out: string, changes: Parameters<typeof runTiny>[2] = {}) =>
    runTiny(adapter!, out, {
      data: root,
      ...changes,
      overrides: [...SETTINGS, ...(changes.overrides ?? [])],
    });
  const evaluate = async (data: string, ...more: string[]) => {
    const args = ['--adapter', adapter!, '--json', '--split', '.', '--data', data, ...more];
    const { code, stdout, stderr } = await runCommand('evaluate', '--checkpoint', run, ...args);
    return code === 0
      ? { ...(JSON.parse(stdout) as { top1: number; count: number; classes: { missing: number } }), stderr }
      : { code, stderr };
  };

  beforeAll(async () => {
    await colours(root, 'train', ALL, 12);
    await colours(root, 'val', ALL.slice(1), 2);
    await colours(root, 'renamed', ALL, 1, (name) => `the ${name}`);
    const { summary } = await train(run);
    expect(summary.best?.top1).toBe(1); // of a val without ants
  }, 300_000);

  it('is evaluated by name on a part of its classes', async () => {
    const result = await evaluate(join(root, 'val'));
    expect(result).toMatchObject({ top1: 1, count: 6, classes: { missing: 1 } });
    expect(result.stderr).toContain('has no images of 1 of 4 classes: ant');
  });

  it('is evaluated by name by benchmarks too, which say what is missing', async () => {
    const out = join(root, 'benchmarks');
    const { stdout } = await runCommand(
      'evaluate', '--checkpoint', run, '--adapter', adapter!, '--data', root, '--out', out, '--json', '--workers', '1',
      '--benchmarks', 'val,c,p', '--generate', '--corruptions', 'brightness,translate', '--severities', '1',
    ); // prettier-ignore
    type Row = {
      benchmark: string;
      complete: boolean;
      problems: Problem[];
      metrics: { id: string; value: number }[];
      file: string;
    };
    const rows = (JSON.parse(stdout) as { benchmarks: Row[] }).benchmarks;
    expect(rows.map(({ benchmark }) => benchmark)).toEqual(['val', 'c', 'p']);
    for (const { problems, complete } of rows) {
      expect(problems).toMatchObject([{ kind: 'missing class', what: 'no images of ant', count: 1 }]);
      expect(complete).toBe(true); // all that was asked for
    }
    const top1 = (metrics: Row['metrics']) => metrics.find(({ id }) => id === 'top1')?.value;
    expect(top1(rows[0]!.metrics)).toBe(100);
    const parts = (await readSealed(rows[1]!.file, RESULT)).parts;
    expect(parts.map(({ name, metrics }) => [name, top1([...metrics])])).toEqual([
      ['clean/0', 100],
      ['brightness/1', 100],
    ]);
    const said = await runCommand(
      'evaluate', '--checkpoint', run, '--adapter', adapter!, '--data', root, '--out', out, '--benchmarks', 'val', '--workers', '1',
    ); // prettier-ignore
    expect(said.stdout).toContain('missing class (1), all: no images of ant');
    const renamed = await runCommand(
      'evaluate', '--checkpoint', run, '--adapter', adapter!, '--data', join(root, 'renamed'), '--split', '.', '--benchmarks', 'c', '--generate', '--out', join(root, 'b2'),
    ); // prettier-ignore
    expect(`${renamed.stdout}${renamed.stderr}`).toContain('4 classes are not among the 4 of the run');
  });

  it('refuses renamed classes and names them', async () => {
    const renamed = await evaluate(join(root, 'renamed'));
    expect(renamed.stderr).toContain('4 classes are not among the 4 of the run');
    expect(renamed.stderr).toContain('the ant, the bee, the cat, the dog');
    expect((await evaluate(join(root, 'val'), '--set', 'data.classes=cifar10')).stderr).toContain(
      'data.classes is cifar10',
    );
  });

  it('predicts names, and its exports carry them', async () => {
    const image = join(root, 'val', 'dog', '0.png');
    const predicted = async (...which: string[]) => {
      const { stdout } = await runCommand(
        'predict',
        ...which,
        '--adapter',
        adapter!,
        '--images',
        image,
        '--json',
      );
      return (JSON.parse(stdout) as { top5: { id: string }[] }[])[0]?.top5[0]?.id;
    };
    expect(await predicted('--checkpoint', run)).toBe('dog');
    const file = join(root, 'converted.safetensors');
    await runCommand('convert', run, file);
    const copy = join(root, 'copy.safetensors');
    await runCommand('convert', file, copy);
    for (const path of [file, copy]) {
      const weights = await openTensors(path);
      expect(weights.metadata.get('classes')).toBe('["ant","bee","cat","dog"]');
      await weights.close();
    }
    const onnx = join(root, 'run.onnx');
    await runCommand('export', '--checkpoint', run, '--output', onnx);
    expect(readFileSync(onnx).includes('["ant","bee","cat","dog"]')).toBe(true);
  });

  it('is known by its checkpoint’s file alone', async () => {
    const file = join((await latestCheckpoint(join(run, 'checkpoints')))!.folder, 'model.safetensors');
    const { stdout } = await runCommand('inspect', file);
    expect(stdout).toMatch(/^classes +ant, bee, cat, dog$/m);
    expect(stdout).not.toContain('metadata classes');
  });

  it('lends its classifier by name', async () => {
    const other = temporaryFolder();
    const list = join(other, 'list.txt');
    writeFileSync(list, 'dog\ncat\nbee\nant\n');
    const out = join(other, 'run');
    await train(out, {
      init: run,
      maxSteps: 1,
      overrides: [`data.classes=${list}`, 'optimizer.lr=1e-9', 'schedule.minLr=0'],
    });
    const biasOf = async (path: string) => {
      const weights = await openTensors(
        join((await latestCheckpoint(join(path, 'checkpoints')))!.folder, 'model.safetensors'),
      );
      const bias = await weights.read('head.bias');
      await weights.close();
      return bias;
    };
    const [before, after] = [await biasOf(run), await biasOf(out)];
    [...after].forEach((value, i) => expect(value).toBeCloseTo(before[3 - i]!, 6));
    await colours(other, 'train', ['ant', 'bee'], 8, (name) => `${name}s`);
    await colours(other, 'val', ['ant', 'bee'], 1, (name) => `${name}s`);
    await expect(train(join(other, 'b'), { data: other, init: run })).rejects.toMatchObject({
      code: 'checkpoint/classes',
      hint: 'Add --set init.dropHead=true to train a new classifier.',
    });
  });

  it('does not go on with other class folders', async () => {
    const data = temporaryFolder();
    await colours(data, 'train', ALL, 8);
    await colours(data, 'val', ALL, 1);
    const out = join(scratchFolder(), 'run');
    await train(out, { data, maxSteps: 1 });
    renameSync(join(data, 'train', 'cat'), join(data, 'train', 'aardvark'));
    const kept = join(temporaryFolder(), 'cat');
    renameSync(join(data, 'val', 'cat'), kept);
    await expect(train(out, { data })).rejects.toThrow(/gone: cat; new: aardvark/);
    renameSync(join(data, 'train', 'aardvark'), join(data, 'train', 'cat'));
    // The run began with these validation images and goes on with no others.
    renameSync(kept, join(data, 'val', 'cat'));
    expect((await train(out, { data, maxSteps: 2 })).summary.step).toBe(2);
  });
});
