import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { imagenetSubset } from '../../src/data/classes.ts';
import type { BenchmarkResult } from '../../src/robustness/benchmarks/evaluation/result.ts';
import { writePictures } from '../robustness/benchmarks/world.ts';
import { tinyModel } from '../campaigns/tiny-model.ts';
import { killAtUnits, runKilled, storedUnits } from '../campaigns/unit-kills.ts';
import { adapters } from '../ops/harness.ts';
import { runCli } from './run-cli.ts';
import { tinyWeights } from './robustness-world.ts';

const TIMEOUT = { timeout: 300_000 };
const scratch = (): string => mkdtempSync(join(tmpdir(), 'largekernel-robustness-'));
const resultOf = (folder: string, id: string): BenchmarkResult =>
  JSON.parse(readFileSync(join(folder, id, 'result.json'), 'utf8')) as BenchmarkResult;

describe('evaluate --benchmarks, killed', () => {
  it('goes on and ends with the same file, with another number of threads', TIMEOUT, async () => {
    const folder = scratch();
    const evaluation = [
      ...(await tinyWeights(folder, 10, 28)), '--set', 'data.dataset=fashion-mnist', '--benchmarks', 'c', '--generate',
      '--limit', '6', '--corruptions', 'brightness,contrast,fog,glass_blur', '--severities', '1,3,5',
    ]; // prettier-ignore
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
    const first = await runCli([...evaluation, '--out', whole, '--workers', '2']);
    expect(first).toMatchObject({ code: 0, signal: null });
    expect(first.stdout).toMatch(/Fashion-MNIST-C: 78 of 78 items/);

    const killed = await runKilled([...evaluation, '--out', parts, '--workers', '1'], {
      unit: 3,
      moment: 'after',
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(storedUnits(parts)).toBe(3);
    expect(existsSync(join(parts, 'c', 'result.json'))).toBe(false);

    expect(await runCli([...evaluation, '--out', parts, '--workers', '1'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(parts, 'c', 'result.json'))).toEqual(
      readFileSync(join(whole, 'c', 'result.json')),
    );
  });
});

describe('attack, killed', () => {
  it('goes on and ends with the same file', TIMEOUT, async () => {
    const folder = scratch();
    const model = await tinyModel(folder, 10, 28, adapters[0] ?? 'auto');
    const options = ['--eps', '0.05', '--steps', '2', '--random-start', '--limit', '128', '--batch', '32'];
    const args = ['attack', 'pgd', ...model, '--set', 'data.dataset=fashion-mnist', ...options];
    expect(await killAtUnits(args, folder, 1)).toMatchObject({ units: 4 });
  });
});

describe('evaluate --benchmarks all', () => {
  it(
    'names and counts what is missing, unreadable and too much, evaluates the rest, and exits with 3',
    TIMEOUT,
    async () => {
      const root = scratch();
      const [first, second] = imagenetSubset('a').wnids as [string, string];
      await writePictures(join(root, 'imagenet-a'), { [first]: 2, [second]: 1, n99999999: 2 });
      writeFileSync(
        join(root, 'imagenet-a', first, 'broken.jpg'),
        Buffer.from([0xff, 0xd8, 0xff, 0xe0, 1, 2]),
      );
      const clips = join(root, 'imagenet-p', 'translate', first);
      mkdirSync(clips, { recursive: true });
      writeFileSync(join(clips, 'ILSVRC2012_val_00000001.mp4'), 'no video');
      const evaluation = [...(await tinyWeights(root, 1000, 32)), '--benchmarks', 'all', '--data-root', root];
      const out = join(root, 'results');
      const run = await runCli([...evaluation, '--out', out, '--json'], { env: { PATH: '/nowhere' } });
      expect(run.code).toBe(3);
      const { benchmarks } = JSON.parse(run.stdout) as { benchmarks: Record<string, unknown>[] };
      const leftOut = (id: string) => benchmarks.find(({ benchmark }) => benchmark === id)?.['left out'];
      expect(benchmarks.map(({ benchmark }) => benchmark)).toEqual([
      'val', 'real', 'v2-matched-frequency', 'v2-threshold-0.7', 'v2-top-images', 'a', 'c', 'c-bar', 'o', 'p', 'r', '9', 'sketch', 'stylized', 'ood',
    ]); // prettier-ignore
      expect(leftOut('r')).toMatch(
        /ImageNet-R: not in .*imagenet-r\.tar, 2\.2 GB; layout imagenet-r\/<wnid>/,
      );
      expect(leftOut('c')).toMatch(/noise\.tar, blur\.tar, .*62 GB/);
      expect(leftOut('p')).toMatch(
        /ImageNet-P: all 1 clips of 1 perturbations are left out: .*no ffmpeg was found/,
      );
      expect(leftOut('a')).toBeUndefined();
      const { items, problems, complete } = resultOf(out, 'a');
      expect({ items, complete }).toEqual({ items: { asked: 4, scored: 3, unreadable: 1 }, complete: false });
      const found = Object.fromEntries(problems.map(({ kind, count, what }) => [kind, { count, what }]));
      expect(found['unreadable']).toMatchObject({
        count: 1,
        what: expect.stringMatching(/broken\.jpg/) as string,
      });
      expect(found['extra class folder']).toMatchObject({
        count: 2,
        what: expect.stringMatching(/^n99999999/) as string,
      });
      expect(found['missing class']).toMatchObject({ count: 198 });
      expect(found['count']).toMatchObject({ what: '4 images, the release has 7500' });
    },
  );

  it(
    'says what does not apply, plans without evaluating, and refuses what it does not know',
    TIMEOUT,
    async () => {
      const folder = scratch();
      const evaluation = [...(await tinyWeights(folder, 10, 28)), '--set', 'data.dataset=fashion-mnist'];
      const plan = await runCli([
      ...evaluation, '--benchmarks', 'all', '--generate', '--limit', '2', '--corruptions', 'fog,translate',
      '--dry-run', '--json', '--out', join(folder, 'none'),
    ]); // prettier-ignore
      expect(plan.code).toBe(0);
      const { forwardRate, benchmarks } = JSON.parse(plan.stdout) as {
        forwardRate: number;
        benchmarks: {
          benchmark: string;
          state: string;
          note: string;
          forwardPasses: number;
          hours: number;
        }[];
      };
      expect(forwardRate).toBeGreaterThan(0);
      const of = (id: string) => benchmarks.find(({ benchmark }) => benchmark === id)!;
      expect(of('val')).toMatchObject({ state: 'ready', forwardPasses: 2 });
      expect(of('c')).toMatchObject({ state: 'ready', forwardPasses: 2 * 6 });
      expect(of('p').forwardPasses).toBe(2 * 16); // frames of CIFAR-P's translate
      expect(of('c').hours).toBeGreaterThanOrEqual((2 * 6) / forwardRate / 3600);
      expect(of('r')).toMatchObject({
        state: 'not applicable',
        note: expect.stringMatching(/has 10 classes/) as string,
      });
      expect(existsSync(join(folder, 'none'))).toBe(false);

      const unknown = await runCli([...evaluation, '--benchmarks', 'a,imagenet-s']);
      expect(unknown).toMatchObject({ code: 2 });
      expect(unknown.stderr).toMatch(/there is no benchmark "imagenet-s"/);
      const nowhere = await runCli([
        ...evaluation,
        '--benchmarks',
        'all',
        '--data-root',
        join(folder, 'gone'),
      ]);
      expect(nowhere).toMatchObject({ code: 3 });
      expect(nowhere.stderr).toMatch(/--data-root .*gone is no folder that can be read/);
      expect(nowhere.stderr).not.toContain('adapter:'); // before anything slow
    },
  );
});

describe('corrupt', () => {
  it(
    'writes the layout of the release, goes on with what is there, names what it cannot read',
    TIMEOUT,
    async () => {
      const root = scratch();
      await writePictures(join(root, 'val'), { cat: 2, dog: 1 });
      writeFileSync(join(root, 'val', 'dog', 'broken.jpg'), 'no image');
      const out = join(root, 'out');
      const options = [
        '--corruptions',
        'contrast,fog',
        '--severities',
        '2,5',
        '--size',
        '32',
        '--workers',
        '1',
        '--json',
      ];
      const first = await runCli(['corrupt', '--data', root, '--out', out, ...options]);
      expect(first.code).toBe(3);
      expect(JSON.parse(first.stdout)).toMatchObject({ written: 12, kept: 0 });
      expect(first.stderr).toMatch(/left out: dog\/broken\.jpg/);
      expect(readdirSync(join(out, 'fog', '5', 'cat'))).toEqual([
        'ILSVRC2012_val_00000001.JPEG',
        'ILSVRC2012_val_00000002.JPEG',
      ]);
      const again = await runCli(['corrupt', '--data', root, '--out', out, ...options]);
      expect(JSON.parse(again.stdout)).toMatchObject({ written: 0, kept: 12 });
      const flat = join(root, 'fashion');
      await runCli(['corrupt', '--data', 'fashion-mnist', '--limit', '1', '--out', flat, ...options]);
      expect(readdirSync(join(flat, 'contrast', '2', 'ankle boot'))).toEqual(['t10k_00000.JPEG']);
    },
  );
});
