import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { recipeHash } from '../../../src/recipe/resolved.ts';
import {
  listCheckpoints,
  pruneCheckpoints,
  resumePoint,
  saveCheckpoint,
} from '../../../src/training/run/checkpoints.ts';
import { chooseFolder } from '../../../src/training/run/choose-folder.ts';
import { weightsFile } from '../../../src/training/weights/open-weights.ts';
import { MetricsLog, readMetrics, type MetricsRecord } from '../../../src/training/log/metrics-log.ts';
import {
  checkRunRecipe,
  prepareRunFolder,
  readSummary,
  runFolder,
  writeSummary,
  type RunFolder,
} from '../../../src/training/run/run-folder.ts';
import { sealedKind, sealedText } from '../../../src/util/sealed.ts';
import { failure, temporaryFolder } from '../../formats/fixtures.ts';

/** What an environment says of a device. */
const device = { kind: 'gpu', name: 'a', description: '', vendor: '' } as unknown as Device;
const { recipe, yaml } = await loadRecipe('quickstart');
const hash = recipeHash(recipe);

const base = await temporaryFolder();
let number = 0;
let folder: RunFolder;

/** A run with the checkpoints of steps 1, 2 and 3, as training writes it. */
beforeEach(async () => {
  folder = runFolder(join(base, `run-${number++}`));
  await prepareRunFolder(folder, yaml, hash, device, false);
  for (const step of [1, 2, 3]) await save(step);
});

function save(step: number, root = folder.checkpoints): Promise<string> {
  const tensor = (value: number) => [
    { name: 'w', shape: [3], dtype: 'F32', data: new Float32Array(3).fill(value) } as const,
  ];
  const files = new Map([
    ['model.safetensors', tensor(step)],
    ['optimizer.safetensors', tensor(-step)],
  ]);
  return saveCheckpoint(root, { step, batchesTracked: step, best: null }, hash, files);
}

async function flipBit(path: string, bit: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  await writeFile(path, bytes);
}

const start = async (resume: boolean) => {
  const chosen = await chooseFolder(
    { out: folder.root, resume, maxSteps: undefined },
    recipe,
    hash,
    () => undefined,
  );
  await chosen.claim.release();
  return chosen;
};

describe('a damaged checkpoint', () => {
  const newest = (name: string) => join(folder.checkpoints, 'step-00000003', name);

  it.each(['model.safetensors', 'optimizer.safetensors', 'checkpoint.json'])(
    'is noticed wherever in %s a bit is flipped, and never gone on from',
    async (name) => {
      const { length } = await readFile(newest(name));
      for (let bit = 3; bit < length * 8; bit += 331) {
        await flipBit(newest(name), bit);
        const point = await resumePoint(folder.checkpoints, true);
        expect(point?.checkpoint.info.step).toBe(2);
        expect(point?.damaged.map(({ folder }) => folder)).toEqual([
          join(folder.checkpoints, 'step-00000003'),
        ]);
        await flipBit(newest(name), bit);
      }
      expect(await resumePoint(folder.checkpoints, true)).toMatchObject({
        checkpoint: { info: { step: 3 } },
        damaged: [],
      });
    },
  );

  it('is named, with the one that is good; --resume takes that', async () => {
    await flipBit(newest('optimizer.safetensors'), 203);
    const error = await failure(start(false));
    expect(error).toMatchObject({ code: 'checkpoint/damaged' });
    expect(String(error)).toMatch(/step-00000003\/optimizer\.safetensors was damaged/);
    expect((error as { hint: string }).hint).toMatch(/--resume to go on from .*step-00000002/);
    expect((await start(true)).resume?.info.step).toBe(2);
    await flipBit(join(folder.checkpoints, 'step-00000002', 'model.safetensors'), 203);
    expect((await start(true)).resume?.info.step).toBe(1);
    await rm(join(folder.checkpoints, 'step-00000001', 'checkpoint.json'));
    const all = await failure(start(true));
    expect(String(all)).toMatch(/step-00000003.*step-00000002.*step-00000001/);
  });

  it.skipIf(process.platform === 'win32')(
    'may be no folder, or hold a folder or a pipe for a file: nothing hangs, and the step is saved again',
    async () => {
      const record = newest('checkpoint.json');
      const pipe = (path: string) => execFileSync('mkfifo', [path]);
      const cases: [path: string, put: (path: string) => unknown][] = [
        [record, pipe],
        [record, (path) => mkdir(path)],
        [dirname(record), pipe],
        [dirname(record), (path) => writeFile(path, 'x')],
      ];
      for (const [path, put] of cases) {
        await rm(path, { recursive: true });
        await put(path);
        expect(await failure(start(false))).toMatchObject({ code: 'checkpoint/damaged' });
        expect((await start(true)).resume?.info.step).toBe(2);
        await save(3);
        expect((await start(false)).resume?.info.step).toBe(3);
      }
    },
  );

  it('is not evaluated, nor a recipe that was changed', async () => {
    expect(await weightsFile(folder.root, 'raw')).toBe(newest('model.safetensors'));
    await flipBit(newest('model.safetensors'), 203);
    expect(await failure(weightsFile(folder.root, 'raw'))).toMatchObject({ code: 'checkpoint/damaged' });
    await checkRunRecipe(folder);
    expect((await loadRecipe(folder.recipe)).recipe).toEqual(recipe);
    await writeFile(folder.recipe, (await readFile(folder.recipe, 'utf8')).replace('seed: 0', 'seed: 1'));
    expect(await failure(checkRunRecipe(folder))).toMatchObject({ code: 'file/damaged' });
    expect(await failure(loadRecipe(folder.recipe))).toMatchObject({ code: 'file/damaged' });
  });

  it('of the step that is saved again is replaced', async () => {
    await flipBit(newest('model.safetensors'), 203);
    await save(3);
    expect((await resumePoint(folder.checkpoints, false))?.checkpoint.info.step).toBe(3);
    expect(await readdir(folder.checkpoints)).toContain('step-00000003.damaged');
  });

  it('is not one of a newer version: that is said, and no older one taken', async () => {
    const record = JSON.parse(await readFile(newest('checkpoint.json'), 'utf8')) as object;
    await writeFile(newest('checkpoint.json'), sealedText(sealedKind('checkpoint', 99, ''), record));
    expect(await failure(start(true))).toMatchObject({ code: 'file/other-version' });
  });
});

describe('progress is never overwritten', () => {
  it('where checkpoints cannot be listed, or their run is not known', async () => {
    await rename(folder.environment, `${folder.environment}.away`);
    expect(await failure(start(false))).toMatchObject({ code: 'checkpoint/no-identity' });
    // A file where a folder was: the system says ENOTDIR, as a network disk may say ESTALE or EIO.
    await rename(`${folder.environment}.away`, folder.environment);
    await rename(folder.checkpoints, `${folder.checkpoints}.away`);
    await writeFile(folder.checkpoints, '');
    expect(await failure(start(false))).toMatchObject({ code: 'file/read' });
    await rm(folder.checkpoints);
    await mkdir(folder.checkpoints);
    expect((await start(false)).resume).toBeUndefined();
  });

  it('by an identity that was damaged, or by checkpoints of another run', async () => {
    await flipBit(folder.environment, 1000);
    expect(await failure(start(false))).toMatchObject({ code: 'file/damaged' });
    await flipBit(folder.environment, 1000);
    await saveCheckpoint(
      folder.checkpoints,
      { step: 4, batchesTracked: 4, best: null },
      'another',
      new Map(),
    );
    expect(await failure(start(false))).toMatchObject({ code: 'checkpoint/other-run' });
  });

  it('by the summary of an earlier end, which goes when the run goes on', async () => {
    const summary = {
      outcome: 'finished', step: 3, steps: 3, seconds: 1, imagesPerSecond: 1, best: null, evaluations: {}, bytes: 1, plannedBytes: 1,
    } as const; // prettier-ignore
    await writeSummary(folder, summary);
    expect(await failure(start(false))).toMatchObject({ code: 'recipe/finished' });
    await prepareRunFolder(folder, yaml, hash, device, false);
    expect(await readSummary(folder)).toBeUndefined();
  });

  it('by a folder that is gone: it is not made again while training', async () => {
    const log = await MetricsLog.open(folder.metrics, 0, () => undefined);
    await rename(folder.root, `${folder.root}-away`);
    expect(await failure(save(4))).toMatchObject({ code: 'file/write' });
    expect(await failure(log.append([stepRecord(1)]))).toMatchObject({ code: 'file/write' });
    await log.close();
    expect(await listCheckpoints(folder.checkpoints)).toEqual([]);
  });

  it('pruning leaves what is no checkpoint', async () => {
    await mkdir(join(folder.checkpoints, '.step-00000009.77'));
    await mkdir(join(folder.checkpoints, 'step-00000002.damaged'));
    await pruneCheckpoints(folder.checkpoints, { keep: 1, best: 1 });
    expect((await readdir(folder.checkpoints)).sort()).toEqual([
      'step-00000001',
      'step-00000002.damaged',
      'step-00000003',
    ]);
  });
});

function stepRecord(step: number): MetricsRecord {
  return { kind: 'step', step, epoch: 0, lr: 0.1, loss: 1 / step, gradNorm: 1, imagesPerSecond: 10 };
}

describe('the log', () => {
  const notes: string[] = [];
  const open = (step: number) => MetricsLog.open(folder.metrics, step, (line) => notes.push(line));
  const read = (damage: string[] = []) => readMetrics(folder.metrics, (what) => damage.push(what));
  const six = [1, 2, 3, 4, 5, 6].map(stepRecord);

  beforeEach(async () => {
    notes.length = 0;
    const log = await open(0);
    await Promise.all(six.map((record) => log.append([record])));
    await log.close();
  });

  it('is in the order in which records were given, whoever waits', async () => {
    expect(await read()).toEqual(six);
  });

  it('is cut to the step a run goes on from, and after that as if nothing had been', async () => {
    const whole = await readFile(folder.metrics, 'utf8');
    await writeFile(folder.metrics, `${whole}{"kind":"st`); // a kill while writing is no damage
    const log = await open(4);
    expect(log.kept).toEqual(six.slice(0, 4));
    await log.append(six.slice(4));
    await log.close();
    expect(await readFile(folder.metrics, 'utf8')).toBe(whole);
    expect(notes).toEqual([]);
  });

  it('says where it was damaged, cut or put together from others, and keeps what is whole', async () => {
    const lines = (await readFile(folder.metrics, 'utf8')).split('\n');
    const damageIn = async (changed: string[]) => {
      await writeFile(folder.metrics, changed.join('\n'));
      const damage: string[] = [];
      return [await read(damage), damage.join()] as const;
    };
    const [records, damage] = await damageIn(lines.map((line) => line.replace('"step":3', '"step":2')));
    expect(records).toEqual(six.filter(({ step }) => step !== 3));
    expect(damage).toMatch(/metrics\.jsonl: line 3 was damaged/);
    for (const changed of [
      lines.toSpliced(2, 1),
      lines.toSpliced(2, 0, lines[1]!),
      lines.toSpliced(1, 3, ''),
    ])
      expect((await damageIn(changed))[1]).toMatch(/line \d was damaged/);

    await damageIn(lines.map((line) => line.replace('"step":3', '"step":2')));
    await (await open(5)).close();
    expect(notes.join()).toMatch(/line 3 was damaged.*metrics\.damaged\.jsonl.*holds 4 of the 5 steps/s);
    const after: string[] = [];
    expect((await read(after)).map(({ step }) => step)).toEqual([1, 2, 4, 5]);
    expect(after).toEqual([]);
  });

  it('that was put behind itself counts no step twice, and line ends of Windows are no damage', async () => {
    const whole = await readFile(folder.metrics, 'utf8');
    await writeFile(folder.metrics, whole + whole);
    const damage: string[] = [];
    expect(await read(damage)).toEqual(six);
    expect(damage.join()).toMatch(/line 7 was damaged.*line 8 goes back to step 2/);
    await writeFile(folder.metrics, whole.replaceAll('\n', '\r\n'));
    await (await open(6)).close();
    expect(await read()).toEqual(six);
    expect(notes).toEqual([]);
  });

  it('that is missing is said; one that cannot be read is an error', async () => {
    await rm(folder.metrics);
    await (await open(5)).close();
    expect(notes.join()).toMatch(/is missing: the log begins after step 5/);
    await rm(folder.metrics);
    await mkdir(folder.metrics);
    expect(await failure(open(5))).toMatchObject({ code: 'file/read' });
  });
});
