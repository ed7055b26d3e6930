import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTensors } from '../../../src/formats/open.ts';
import { writeSafetensors, type TensorToWrite } from '../../../src/formats/safetensors.ts';
import { createModel } from '../../../src/models/registry.ts';
import { resolveWeights } from '../../../src/training/evaluation/evaluate-weights.ts';
import { loadWeights } from '../../../src/training/weights/initial-weights.ts';
import { inspectWeights } from '../../../src/training/weights/inspect.ts';
import { convertWeights } from '../../../src/training/export/state-dict.ts';
import { weightsFingerprint } from '../../../src/robustness/classifier/session-classifier.ts';
import { failure, temporaryFolder } from '../../formats/fixtures.ts';
import { formula } from '../../models/formula.ts';

const folder = await temporaryFolder();
const wild = (name: string) =>
  fileURLToPath(new URL(`../../golden/checkpoints/wild/${name}.pth`, import.meta.url));
const request = { model: undefined, overrides: [], weights: 'raw', use: 'predict' } as const;
const CONFIG = { dims: [4, 6], depths: [1, 1], kernels: [5, 3], classes: 5, stemPatch: 2, stemStride: 2 };
const model = createModel('convnext-custom', CONFIG);

function values(factor = 1, round = (value: number) => value) {
  return new Map(
    model.parameters.map(({ name, shape }) => [
      name,
      Float32Array.from(formula(name, shape), (value) => factor * round(value)),
    ]),
  );
}

/** The nearest bfloat16, ties to even. */
function bfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(Uint32Array.of(rounded >>> 0).buffer)[0]!;
}

/** What `evaluate` and `predict` do without --model. */
async function read(path: string, entry?: string) {
  const resolved = await resolveWeights({ ...request, checkpoint: path, entry });
  expect(resolved.model.name).toBe('convnext-custom');
  return { resolved, ...(await loadWeights(resolved.file, resolved.model, { entry: resolved.entry })) };
}

describe('files as people save them', () => {
  it.each(
    [
      'imagenet-example compiled compiled-blocks chain nested averaged random-states odd twice views legacy',
      'model-itself tuple protocol5 lightning odd-inside',
    ].flatMap((names) => names.split(' ')),
  )('%s has the weights, and says whose they are', async (name) => {
    expect((await read(wild(name))).values).toEqual(values());
  });

  it('bfloat16', async () => {
    expect((await read(wild('half'))).values).toEqual(values(1, bfloat16));
  });

  it.each([
    ['averaged', ['n_averaged']],
    ['lightning', ['criterion.weight, val_acc.tp']],
    ['odd-inside', ['scale.spectrum (torch.ComplexFloatStorage)']],
    ['imagenet-example', []],
  ])('%s: what is left out is said', async (name, left) => {
    const { notes } = await read(wild(name));
    expect(notes).toEqual(left.map((names) => `left out of ${wild(name)}: ${names}`));
  });

  it('the model that was recognised is said, and settings beside it count', async () => {
    const { resolved } = await read(wild('compiled'));
    expect(resolved.notes[0]).toContain('model: convnext-custom model.depths=[1,1] model.dims=[4,6]');
    const { imageSize } = await resolveWeights({
      ...request,
      checkpoint: wild('compiled'),
      overrides: ['data.imageSize=32'],
    });
    expect(imageSize).toBe(32);
  });

  it('options of the model that were said tell weights of one file apart', async () => {
    const variants = [[], ['model.depths=[1,1]'], ['model.kernels=[5,3]', 'data.imageSize=32']].map(
      async (overrides) =>
        (await resolveWeights({ ...request, checkpoint: wild('compiled'), overrides })).variant,
    );
    expect(await Promise.all(variants)).toEqual(['', ' depths 1 1', ' kernels 5 3']);
  });

  it('safetensors have wrappers too', async () => {
    const tensors = model.parameters.map(({ name, shape }): TensorToWrite => ({
      name: `model._orig_mod.${name}`,
      shape,
      dtype: 'F32',
      data: Float32Array.from(formula(name, shape)),
    }));
    const path = join(folder, 'wrapped.safetensors');
    await writeSafetensors(path, tensors);
    expect((await read(path)).values).toEqual(values());
  });
});

describe('several sets in one file', () => {
  const cases = [
    ['two-timm', 'state_dict', 'state_dict_ema'],
    ['two-students', 'state_dict.student', 'state_dict.teacher'],
  ] as const;

  it.each(cases)('%s: they are listed, and --entry chooses', async (name, first, second) => {
    const both = {
      code: 'formats/several-sets',
      message: expect.stringContaining(`${first}, ${second}`) as string,
    };
    const checkpoint = wild(name);
    const output = join(folder, `${name}.safetensors`);
    expect(await failure(resolveWeights({ ...request, checkpoint }))).toMatchObject(both);
    expect(await failure(loadWeights(checkpoint, model))).toMatchObject(both);
    expect(
      await failure(convertWeights({ ...request, checkpoint }, output, 'official', false)),
    ).toMatchObject(both);
    // Their results are kept apart, though the file's bytes are the same.
    const fingerprints = [first, second].map(async (entry) =>
      weightsFingerprint((await read(checkpoint, entry)).resolved),
    );
    expect((await Promise.all(fingerprints)).map((text) => text.slice(64))).toEqual([
      ` set ${first}`,
      ` set ${second}`,
    ]);
    expect((await read(checkpoint, first)).values).toEqual(values());
    expect((await loadWeights(checkpoint, model, { entry: second })).values).toEqual(values(2));
    await convertWeights({ ...request, checkpoint, entry: second }, output, 'official', false);
    expect((await read(output)).values).toEqual(values(2));
    const { sets } = await inspectWeights(checkpoint, { weights: 'raw' });
    expect(sets.map(({ entry, model: found }) => [entry, found?.name])).toEqual([
      [first, 'convnext-custom'],
      [second, 'convnext-custom'],
    ]);
  });

  it('both keys of one dict name it', async () => {
    for (const entry of ['model', 'state_dict'])
      expect((await read(wild('twice'), entry)).values).toEqual(values());
  });

  it('a name that is none is refused with those there are', async () => {
    const error = await failure(openTensors(wild('two-timm'), { entry: 'ema' }));
    expect(error).toMatchObject({
      code: 'formats/unknown-entry',
      message: expect.stringContaining('it has state_dict, state_dict_ema') as string,
    });
    expect(await failure(loadWeights(wild('two-timm'), model, { weights: 'ema' }))).toMatchObject({
      code: 'checkpoint/no-ema',
    });
  });
});
