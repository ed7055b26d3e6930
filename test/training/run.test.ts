import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stepSeconds } from '../../src/sweeps/results.ts';
import { readMetrics } from '../../src/training/log/metrics-log.ts';
import { readLook } from '../../src/training/look/look-files.ts';
import { runFolder } from '../../src/training/run/run-folder.ts';
import { latestCheckpoint } from '../../src/training/run/checkpoints.ts';
import { adapters } from '../ops/harness.ts';
import { runTiny, scratchFolder, traces } from './tiny.ts';

describe.each(adapters)('training on %s', (adapter) => {
  const uninterrupted = join(scratchFolder(), 'whole');
  let begun: ReturnType<typeof runTiny> | undefined;
  const whole = () => (begun ??= runTiny(adapter, uninterrupted));

  it(
    'is bit-identical when repeated, and whatever the number of loader threads',
    { timeout: 900_000 },
    async () => {
      const folder = scratchFolder();
      const first = await runTiny(adapter, join(folder, 'a'));
      expect(first.summary).toMatchObject({ outcome: 'finished', step: 6, steps: 6 });
      await runTiny(adapter, join(folder, 'b'), { overrides: ['data.workers=2'] });
      const [a, b] = [await traces(join(folder, 'a')), await traces(join(folder, 'b'))];
      expect(b).toEqual(a);
      expect(a.metrics).toHaveLength(6 + 2 * 2);
      const { bytes, plannedBytes } = JSON.parse(
        readFileSync(join(folder, 'a', 'summary.json'), 'utf8'),
      ) as Record<string, number>;
      expect(Math.abs(plannedBytes! / bytes! - 1)).toBeLessThan(0.05);
      expect(readdirSync(join(folder, 'a', 'checkpoints')).length).toBeLessThanOrEqual(3);
    },
  );

  it('shows samples, mistakes and the time by op beside the run', async () => {
    await whole();
    const folder = runFolder(uninterrupted);
    const training = await readLook(folder, 'training');
    expect(training).toMatchObject({ steps: 6, stepsPerEpoch: 3 });
    expect(training?.samples.length).toBeGreaterThan(0);
    const records = await readMetrics(folder.metrics, (what) => expect.fail(what));
    const evaluations = records.filter((record) => record.kind === 'evaluation');
    for (const { step, weights, top1, count } of evaluations.slice(-2)) {
      const look = await readLook(folder, `evaluation-${weights}`);
      const correct = look?.perClass.reduce((sum, each) => sum + each.correct, 0);
      expect(look).toMatchObject({ step, images: count });
      expect(correct).toBe(Math.round(top1 * count));
    }
    const kernels = await readLook(folder, 'kernels');
    expect(kernels?.ops.map(({ op }) => op)).toContain('adamw');
    expect(kernels?.ms).toBeGreaterThan(0);
  });

  it('stops at an evaluation whose logits are not finite, and keeps the checkpoint', async () => {
    const out = join(scratchFolder(), 'run');
    // Step 1 has the rate 0; step 2 is finite itself, and its update is not.
    const overrides = ['data.limitTrain=32', 'optimizer.lr=1e15', 'schedule.epochs=1', 'ema=null'];
    await expect(runTiny(adapter, out, { overrides })).rejects.toMatchObject({
      code: 'checkpoint/non-finite',
      message: expect.stringMatching(
        /after step 2 with raw weights: .* gave (NaN|-?Infinity) as logit/,
      ) as string,
      hint: expect.stringMatching(/step-0*1 was saved before and read back/) as string,
    });
  });

  it('continues bit-exactly after an interruption inside an epoch', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    await whole();
    let checks = 0;
    // Asked after step 1, and before each micro-batch of step 2, which is given up.
    const stopped = await runTiny(adapter, join(folder, 'parts'), {}, () => ++checks > 3);
    expect(stopped.summary).toMatchObject({ outcome: 'interrupted', step: 1 });
    const further = await runTiny(adapter, join(folder, 'parts'), { maxSteps: 4 });
    expect(further.summary).toMatchObject({ outcome: 'max-steps', step: 4 });
    await runTiny(adapter, join(folder, 'parts'), { resume: true });
    expect(await traces(join(folder, 'parts'))).toEqual(await traces(uninterrupted));
    const log = await readMetrics(join(folder, 'parts', 'metrics.jsonl'), () => undefined);
    const without = log.filter((record) => record.kind === 'step' && record.imagesPerSecond === null);
    // Each process compiles in its first step, which has no rate.
    expect(without.map(({ step }) => step)).toEqual([1, 2, 5]);
    expect(stepSeconds(log, 16)).toHaveLength(3);
  });

  it.each([
    ['the first evaluation of an epoch', 'step', 3],
    ['the second one, of averaged weights', 'evaluation', 1],
    ['the last evaluation', 'step', 6],
  ])('continues bit-exactly after an interruption in %s, which waits for no pass', async (_, kind, lines) => {
    const out = join(scratchFolder(), 'parts');
    const logged = (path: string) =>
      existsSync(path) ? readFileSync(path, 'utf8').split(`"kind":"${kind}"`).length - 1 : 0;
    const stopped = await runTiny(adapter, out, {}, () => logged(join(out, 'metrics.jsonl')) >= lines);
    expect(stopped.summary).toMatchObject({ outcome: 'interrupted', step: kind === 'step' ? lines : 3 });
    const { metrics } = await traces(out);
    const evaluations = (records: unknown[]) =>
      records.filter((record) => (record as { kind: string }).kind === 'evaluation').length;
    expect(evaluations(metrics)).toBe(lines === 6 ? 2 : lines === 1 ? 1 : 0);
    const further = await runTiny(adapter, out);
    expect(further.summary.best).toEqual((await whole()).summary.best);
    expect(await traces(out)).toEqual(await traces(uninterrupted));
    const best = async (root: string) => (await latestCheckpoint(join(root, 'checkpoints')))?.info.best;
    expect(await best(out)).toEqual(await best(uninterrupted));
  });

  it('goes on with its micro-batch, whatever memory there is by then', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    const overrides = ['batch.micro=auto'];
    const little = { overrides, memoryGib: 0.0002 };
    await runTiny(adapter, join(folder, 'whole'), { ...little, maxSteps: 4 });
    await runTiny(adapter, join(folder, 'parts'), { ...little, maxSteps: 2 });
    await runTiny(adapter, join(folder, 'parts'), { overrides, maxSteps: 4 });
    expect(await traces(join(folder, 'parts'))).toEqual(await traces(join(folder, 'whole')));
    const microOf = (name: string) =>
      (JSON.parse(readFileSync(join(folder, name, 'tuning.json'), 'utf8')) as { micro: number }).micro;
    await runTiny(adapter, join(folder, 'much'), { overrides, maxSteps: 1 });
    expect(microOf('parts')).toBeLessThan(microOf('much'));
  });

  it('gives the same gradients in micro-batches as in one batch', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    const overrides = ['augment.mixGroup=16', 'model.dropPath=0'];
    await runTiny(adapter, join(folder, 'parts'), { overrides: [...overrides, 'batch.micro=4'] });
    await runTiny(adapter, join(folder, 'whole'), { overrides: [...overrides, 'batch.micro=16'] });
    const losses = async (name: string) =>
      (await traces(join(folder, name))).metrics.map((record) => (record as { loss: number }).loss);
    const [parts, whole] = [await losses('parts'), await losses('whole')];
    parts.forEach((loss, i) => {
      expect(loss).toBeCloseTo(whole[i]!, 4);
    });
  });

  it('gives the same losses when values are computed again', { timeout: 900_000 }, async () => {
    const folder = scratchFolder();
    const losses: number[][] = [];
    for (const way of ['none', 'cheap', 'blocks']) {
      const out = join(folder, way);
      await runTiny(adapter, out, { overrides: [`recompute=${way}`], maxSteps: 3 });
      losses.push((await traces(out)).metrics.map((record) => (record as { loss: number }).loss));
    }
    for (const other of losses.slice(1))
      other.forEach((loss, i) => {
        expect(loss / losses[0]![i]!).toBeCloseTo(1, 5);
      });
  });
});

describe('a run that cannot go on', () => {
  const [adapter] = adapters;
  it('refuses another recipe in the same folder, and a finished run', { timeout: 900_000 }, async () => {
    const out = join(scratchFolder(), 'run');
    await runTiny(adapter!, out, { overrides: ['schedule.epochs=1'] });
    await expect(runTiny(adapter!, out, { overrides: ['optimizer.lr=0.1'] })).rejects.toThrow(
      /another recipe/,
    );
    await expect(runTiny(adapter!, out, { overrides: ['schedule.epochs=1'] })).rejects.toThrow(
      /finished run/,
    );
    await expect(runTiny(adapter!, join(out, 'none'), { resume: true })).rejects.toThrow(/no checkpoint/);
  });

  it('gives the same bits whichever form the pictures come in', { timeout: 300_000 }, async () => {
    const golden = (name: string) => new URL(`../golden/datasets/${name}`, import.meta.url).pathname;
    const forms = { images: 'folder', tar: 'imagenet-tar', webdataset: 'webdataset', parquet: 'parquet' };
    const runs = [];
    for (const [name, format] of Object.entries(forms)) {
      const out = join(scratchFolder(), 'run');
      const overrides = [
        'data.dataset=imagenet',
        `data.format=${format}`,
        'data.valSplit=train',
        'augment.crop=random-resized',
        'evaluation.resize=32',
        'evaluation.crop=28',
        'batch.size=8',
        'schedule.warmupSteps=1',
      ];
      await runTiny(adapter!, out, { overrides, data: golden(name) });
      runs.push(await traces(out));
    }
    for (const run of runs) expect(run).toEqual(runs[0]);
    expect(runs[0]?.metrics.length).toBeGreaterThan(2);
  });

  it(
    'stops at a loss that is not finite and leaves the last checkpoint good',
    { timeout: 900_000 },
    async () => {
      const out = join(scratchFolder(), 'run');
      const overrides = ['optimizer.lr=1e15', 'schedule.warmupSteps=null'];
      await expect(runTiny(adapter!, out, { overrides })).rejects.toThrow(
        /Step \d+ gave loss .*Not finite: the gradient of \S+ and \d+ more tensors/,
      );
      const { files } = await traces(out);
      for (const bytes of Object.values(files)) {
        const floats = new Float32Array(new Uint8Array(Buffer.from(bytes, 'base64')).slice(-4000).buffer);
        expect(floats.every((value) => Number.isFinite(value))).toBe(true);
      }
    },
  );
});
