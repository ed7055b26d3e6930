import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import type { DatasetSpec } from '../../src/data/dataset.ts';
import { Loader } from '../../src/data/loader.ts';
import type { Batch, LoaderOptions } from '../../src/data/loader.ts';
import { NORMALIZATIONS } from '../../src/data/normalization.ts';
import { epochOrder } from '../../src/data/order.ts';
import type { Pool } from '../../src/data/pool.ts';
import type { Pipeline } from '../../src/data/render.ts';
import { cifarRecords, golden, temporaryFolder, writeTree } from './fixtures.ts';

const root = writeTree(temporaryFolder(), { 'data_batch_1.bin': cifarRecords(50), 'test_batch.bin': cifarRecords(21, 2) });
const cifar = (split: string): DatasetSpec => ({ kind: 'cifar10', root, split });

const TRAIN: Pipeline = {
  mode: 'train',
  size: 32,
  normalization: NORMALIZATIONS.cifar10,
  augment: {
    crop: { kind: 'pad-crop', padding: 4 },
    interpolation: 'bicubic',
    flip: 0.5,
    colorJitter: null,
    autoAugment: 'rand-m9-mstd0.5-inc1',
    erasing: { prob: 0.25, mode: 'pixel', count: 1 },
  },
};

const EVAL: Pipeline = {
  mode: 'eval',
  size: 32,
  normalization: NORMALIZATIONS.half,
  eval: { resize: null, crop: null, squash: false, interpolation: 'bicubic' },
};

function trainOptions(more: Partial<LoaderOptions> = {}): LoaderOptions {
  return { dataset: cifar('train'), pipeline: TRAIN, batchSize: 8, workers: 0, seed: 7, ...more };
}

/** Batches with their own copy of the pixels. */
async function gather(batches: AsyncIterable<Batch>, most = Infinity): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) {
    all.push({ ...batch, x: batch.x.slice() });
    if (all.length >= most) break;
  }
  return all;
}

async function trained(more: Partial<LoaderOptions>, epoch = 0, step = 0, epochs = 2): Promise<Batch[]> {
  const loader = await Loader.open(trainOptions(more));
  const batches = await gather(loader.train({ epoch, step, epochs }));
  await loader.close();
  return batches;
}

describe('training batches', () => {
  it('depend on (seed, epoch, step) alone: not on workers, prefetch or resuming', async () => {
    const whole = await trained({});
    expect(whole.map(({ epoch, step }) => [epoch, step])).toEqual(
      [0, 1].flatMap((epoch) => [0, 1, 2, 3, 4, 5].map((step) => [epoch, step])),
    );
    expect(await trained({ workers: 2, prefetch: 1 })).toEqual(whole);
    expect(await trained({ prefetch: 5 }, 0, 4)).toEqual(whole.slice(4));
    expect(await trained({}, 1, 3)).toEqual(whole.slice(9));
    expect(await trained({ seed: 8 }, 1, 3)).not.toEqual(whole.slice(9));
  });

  it('see each sample once an epoch, in another order and crop each time', async () => {
    const batches = await trained({ batchSize: 10 });
    const [first, second] = [batches.slice(0, 5), batches.slice(5)].map((epoch) =>
      epoch.flatMap(({ indices }) => [...indices]),
    ) as [number[], number[]];
    const all = Array.from({ length: 50 }, (_, i) => i);
    expect([...first].sort((a, b) => a - b)).toEqual(all);
    expect([...second].sort((a, b) => a - b)).toEqual(all);
    expect(second).not.toEqual(first);
    for (const { indices, labels, keys } of batches) {
      expect([...labels]).toEqual([...indices].map((i) => i % 10));
      expect(keys[0]).toBe(`data_batch_1/000${String(indices[0]).padStart(2, '0')}`);
    }
    const view = (batch: Batch, index: number): Float32Array => {
      const place = batch.indices.indexOf(index);
      return batch.x.slice(place * 3072, (place + 1) * 3072);
    };
    const find = (from: number, to: number): Batch => batches.slice(from, to).find((b) => b.indices.includes(3))!;
    expect(view(find(0, 5), 3)).not.toEqual(view(find(5, 10), 3));
  });

  it('keep the last batch if asked, and use only the given samples', async () => {
    const batches = await trained({ dropLast: false, indices: Uint32Array.from([40, 2, 4, 6, 8, 10, 12, 14, 16, 18]) });
    expect(batches.map(({ labels }) => labels.length)).toEqual([8, 2, 8, 2]);
    expect(batches[0]?.x).toHaveLength(8 * 3072);
    const used = batches.slice(0, 2).flatMap(({ indices }) => [...indices]);
    expect(used.sort((a, b) => a - b)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 40]);
  });

  it('repeated augmentation: three different views in a row', async () => {
    const [first] = await trained({ repeats: 3, batchSize: 6 });
    const { indices, x } = first!;
    expect([indices[0], indices[3]]).toEqual([indices[2], indices[5]]);
    expect(indices[0]).not.toBe(indices[3]);
    expect(x.slice(0, 3072)).not.toEqual(x.slice(3072, 6144));
  });

  it('the order of 600 samples, repeated, is DeiT\'s: a multiple of 256 of the permutation', () => {
    const plain = epochOrder(1, 4, 600, 1);
    const repeated = epochOrder(1, 4, 600, 3);
    expect(repeated).toHaveLength(512);
    expect([...repeated]).toEqual(Array.from({ length: 512 }, (_, i) => plain[Math.floor(i / 3)]));
    expect(epochOrder(1, 4, 100, 3)).toHaveLength(100);
  });
});

describe('evaluation batches', () => {
  it.each([0, 2])('are all samples in order, the last batch partial (%i workers)', async (workers) => {
    const loader = await Loader.open({ dataset: cifar('test'), pipeline: EVAL, batchSize: 8, workers, seed: 0 });
    expect(loader.steps).toBe(3);
    for (let pass = 0; pass < 2; pass++) {
      const batches = await gather(loader.evaluate());
      expect(batches.map(({ labels }) => labels.length)).toEqual([8, 8, 5]);
      expect(batches.flatMap(({ indices }) => [...indices])).toEqual(Array.from({ length: 21 }, (_, i) => i));
      const bytes = readFileSync(`${root}/test_batch.bin`).subarray(20 * 3073 + 1, 21 * 3073);
      const x = batches[2]!.x.subarray(4 * 3072);
      bytes.forEach((byte, i) => expect(x[i]).toBeCloseTo(byte / 127.5 - 1, 5));
    }
    await loader.close();
  });
});

describe('unreadable images', () => {
  const jpeg = readFileSync(golden('images/train/n01440764/n01440764_10.JPEG'));
  const broken = writeTree(
    temporaryFolder(),
    Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map((i) => [`train/c/${i}.jpg`, i === 2 || i === 3 ? 'no' : jpeg])),
  );
  const pipeline: Pipeline = { ...EVAL, eval: { ...EVAL.eval, resize: 32, crop: 32, squash: true } };
  const augment = { ...TRAIN.augment, crop: { kind: 'center' } } as const;
  const dataset: DatasetSpec = { kind: 'folder', root: broken, split: 'train' };
  const base = { dataset, batchSize: 4, seed: 1 };

  it.each([0, 1])('are left out of an evaluation and reported (%i workers)', async (workers) => {
    const told: string[] = [];
    const loader = await Loader.open({
      ...base,
      pipeline,
      workers,
      onError: 'skip',
      onFailure: ({ key }) => told.push(key),
    });
    const batches = await gather(loader.evaluate());
    expect(batches.map(({ keys }) => keys)).toEqual([
      ['c/0.jpg', 'c/1.jpg'],
      ['c/4.jpg', 'c/5.jpg', 'c/6.jpg', 'c/7.jpg'],
    ]);
    expect(batches[0]!.x).toHaveLength(2 * 3072);
    expect(batches[0]!.x.slice(0, 3072)).toEqual(batches[1]!.x.slice(0, 3072)); // the same picture
    await gather(loader.evaluate());
    expect(told.sort()).toEqual(['c/2.jpg', 'c/3.jpg']);
    expect([...loader.failures].map(([key, { count }]) => [key, count]).sort()).toEqual([
      ['c/2.jpg', 2],
      ['c/3.jpg', 2],
    ]);
    await loader.close();
  });

  it('are replaced by the next sample in training, the same one with any number of workers', async () => {
    const run = async (workers: number): Promise<Batch[]> => {
      const loader = await Loader.open({ ...base, pipeline: { ...TRAIN, augment }, workers, onError: 'skip' });
      const batches = await gather(loader.train({ epoch: 0, step: 0, epochs: 2 }));
      expect([...loader.failures.keys()].sort()).toEqual(['c/2.jpg', 'c/3.jpg']);
      await loader.close();
      return batches;
    };
    const batches = await run(0);
    expect(await run(2)).toEqual(batches);
    const used = batches.slice(0, 2).flatMap(({ indices }) => [...indices]);
    expect(used.sort((a, b) => a - b)).toEqual([0, 1, 4, 4, 4, 5, 6, 7]);
  });

  it('end the pass by default, named, and the loader can still be closed', async () => {
    for (const workers of [0, 1]) {
      const loader = await Loader.open({ ...base, pipeline, workers });
      await expect(gather(loader.evaluate())).rejects.toThrow(/c\/2\.jpg/);
      await loader.close();
    }
  });

  it('are an error where none can be read, and so is a wrong setting', async () => {
    const none = writeTree(temporaryFolder(), { 'train/c/0.jpg': 'no', 'train/c/1.jpg': 'no' });
    const loader = await Loader.open({
      ...base,
      dataset: { ...dataset, root: none },
      batchSize: 2,
      pipeline: { ...TRAIN, augment },
      workers: 0,
      onError: 'skip',
    });
    await expect(gather(loader.train({ epoch: 0, step: 0, epochs: 1 }))).rejects.toThrow(/samples after it cannot be read/);
    const sized = await Loader.open({ ...base, pipeline: EVAL, workers: 0, onError: 'skip' });
    await expect(gather(sized.evaluate())).rejects.toMatchObject({ code: 'data/wrong-size' });
  });
});

it('works ahead, but no further than the batches it was told to', async () => {
  const loader = await Loader.open(trainOptions({ prefetch: 3 }));
  const run = vi.spyOn(Reflect.get(loader, 'pool') as Pool, 'run');
  const batches = loader.train({ epoch: 0, step: 0, epochs: 100 });
  await batches.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  // One in use and three ahead, of one job each.
  expect(run).toHaveBeenCalledTimes(4);
  await batches.next();
  expect(run).toHaveBeenCalledTimes(5);
  await batches.return();
  await loader.close();
});

describe('ends', () => {
  it('leaving a loop early frees the loader for the next one', async () => {
    const loader = await Loader.open(trainOptions({ workers: 2 }));
    const first = await gather(loader.train({ epoch: 0, step: 0, epochs: 100 }), 2);
    expect(await gather(loader.train({ epoch: 0, step: 0, epochs: 100 }), 2)).toEqual(first);
    const open = loader.train({ epoch: 0, step: 0, epochs: 1 });
    await open.next();
    await expect(loader.train({ epoch: 0, step: 0, epochs: 1 }).next()).rejects.toMatchObject({ code: 'data/busy' });
    await loader.close();
    await expect(gather(open)).rejects.toMatchObject({ code: 'data/cancelled' });
  });

  it('a lost worker is an error that names its samples, not a wait', async () => {
    const loader = await Loader.open(trainOptions({ workers: 1 }));
    const batches = loader.train({ epoch: 0, step: 0, epochs: 100 });
    await batches.next();
    const { workers } = Reflect.get(loader, 'pool') as { workers: { thread: { terminate(): Promise<number> } }[] };
    const waiting = gather(batches);
    const lost = expect(waiting).rejects.toMatchObject({ code: 'data/worker-lost' });
    await workers[0]!.thread.terminate();
    await lost;
    await loader.close();
  });

  it('a data set that a worker cannot open is an error', async () => {
    const gone = writeTree(temporaryFolder(), { 'data_batch_1.bin': cifarRecords(8) });
    const loader = await Loader.open(trainOptions({ dataset: { kind: 'cifar10', root: gone, split: 'train' }, workers: 1 }));
    writeTree(gone, { 'data_batch_1.bin': cifarRecords(9) }); // before the thread has started
    await expect(gather(loader.train({ epoch: 0, step: 0, epochs: 1 }))).rejects.toMatchObject({ code: 'data/changed' });
    await loader.close();
  });

  it('a process that forgets to close the loader ends by itself', () => {
    const source = `
      import { register } from 'tsx/esm/api'; register();
      const { Loader } = await import(${JSON.stringify(new URL('../../src/data/loader.ts', import.meta.url).href)});
      const loader = await Loader.open(${JSON.stringify(trainOptions({ workers: 1 }))});
      for await (const batch of loader.train({ epoch: 0, step: 0, epochs: 9 })) { console.log(batch.step); break; }
      const left = loader.train({ epoch: 0, step: 0, epochs: 9 });
      console.log((await left.next()).value.step);`;
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      cwd,
      timeout: 120_000,
      encoding: 'utf8',
    });
    expect([stdout, status], stderr).toEqual(['0\n0\n', 0]);
  });

  it('settings that cannot work are refused at once', async () => {
    const code = (more: Partial<LoaderOptions>): Promise<unknown> =>
      Loader.open(trainOptions(more)).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
    expect(await code({ batchSize: 0 })).toBe('data/setting');
    expect(await code({ workers: -1 })).toBe('data/setting');
    expect(await code({ indices: Uint32Array.of(50) })).toBe('data/bad-index');
    expect(await code({ indices: new Uint32Array(0) })).toBe('data/empty');
    const large = await Loader.open(trainOptions({ batchSize: 64 }));
    await expect(large.train({ epoch: 0, step: 0, epochs: 1 }).next()).rejects.toMatchObject({ code: 'data/batch-size' });
    await expect(large.evaluate().next()).rejects.toMatchObject({ code: 'data/mode' });
  });
});
