import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { openTensors } from '../../src/formats/open.ts';
import { createModel } from '../../src/models/registry.ts';
import { resolveWeights } from '../../src/training/evaluation/evaluate-weights.ts';
import type { Recipe } from '../../src/recipe/schema.ts';
import type { Reporter } from '../../src/training/log/reporter.ts';
import { loadInitial, loadWeights } from '../../src/training/weights/initial-weights.ts';
import { untoldMetadata } from '../../src/training/weights/recognise.ts';
import { formula } from '../models/formula.ts';
import { scratchFolder } from '../training/tiny.ts';
import { runCommand } from './run.ts';

/** Files of one small vision transformer, written by PyTorch and NumPy: test/golden/checkpoints/vit.py */
const golden = (name: string) => fileURLToPath(new URL(`../golden/checkpoints/vit/${name}`, import.meta.url));
const OPTIONS = { dim: 8, depth: 2, heads: 2, patch: 4, mlpRatio: 2, imageSize: 12 };
const MODEL = createModel('vit-b16', { ...OPTIONS, classes: 5 });
const BARE = createModel('dino-s16', OPTIONS);
const folder = scratchFolder();

const valuesOf = ({ parameters }: typeof MODEL) =>
  new Map(parameters.map(({ name, shape }) => [name, Float32Array.from(formula(name, shape))]));

async function read(path: string, entry?: string) {
  const file = await openTensors(path, { entry });
  const values = new Map<string, Float32Array>();
  for (const name of file.names()) values.set(name, await file.read(name));
  const shapes = Object.fromEntries(file.names().map((name) => [name, file.info(name).shape]));
  await file.close();
  return { values, shapes };
}

describe('vision transformers', () => {
  it.each([
    ['flax.npz', 'vit-npz'],
    ['deit.pth', 'official'],
    ['torchvision.pth', 'vit-torchvision'],
    ['huggingface.bin', 'vit-huggingface'],
  ])('%s is recognised and read value for value', async (file, naming) => {
    const found = JSON.parse((await runCommand('inspect', golden(file), '--json')).stdout) as {
      naming: string;
      model: { name: string; classes: number; set: string[] };
    };
    expect(found.naming).toBe(naming);
    expect(found.model).toMatchObject({ classes: 5 });
    expect(found.model.set).toEqual(expect.arrayContaining(['model.depth=2', 'data.imageSize=12']));
    const { values, notes } = await loadWeights(golden(file), MODEL);
    expect(values).toEqual(valuesOf(MODEL));
    expect(notes).toEqual([]);
  });

  const headsIn = async (file: string) => {
    const { stdout } = await runCommand('inspect', file, '--json');
    const { model } = JSON.parse(stdout) as { model: { set: string[] } };
    return model.set.find((setting) => setting.startsWith('model.heads='));
  };

  it('heads are what the file says; without a word of it they are not guessed', async () => {
    expect(await headsIn(golden('flax.npz'))).toBe('model.heads=2');
    expect(await headsIn(golden('deit.pth'))).toBe('model.heads=?');
    const copy = join(folder, 'heads.safetensors');
    await runCommand('convert', golden('flax.npz'), copy);
    expect(await headsIn(copy)).toBe('model.heads=2');
    const headsFor = async (file: string, overrides: string[] = [], name?: string) => {
      const named = { checkpoint: file === copy ? copy : golden(file), model: name, overrides };
      const { model } = await resolveWeights({ ...named, use: 'evaluate', weights: 'raw' });
      return model.config['heads'];
    };
    await expect(headsFor('deit.pth')).rejects.toMatchObject({
      code: 'model/untold',
      message: expect.stringContaining('model.heads leaves no trace in its tensors') as string,
      hint: expect.stringMatching(/--model \S+ --set model\.heads=/) as string,
    });
    expect(await headsFor('deit.pth', ['model.heads=4'])).toBe(4);
    expect(await headsFor('flax.npz')).toBe(2);
    // Twelve heads, the preset's, would divide this width.
    const wide = createModel('vit-b16', { ...OPTIONS, dim: 24, depth: 1, heads: 3 });
    const tensors = wide.parameters.map(({ name, shape }) => {
      return { name, shape, dtype: 'F32' as const, data: Float32Array.from(formula(name, shape)) };
    });
    await writeSafetensors(copy, tensors, await untoldMetadata(wide));
    const settings = ['model.dim=24', 'model.depth=1', 'model.patch=4', 'model.mlpRatio=2'];
    expect(await headsFor(copy, settings, 'vit-b16')).toBe(3);
    expect(await headsFor(copy, [...settings, 'model.heads=4'], 'vit-b16')).toBe(4);
  });

  it('DINO is recognised by having no classifier, and its teacher is found beside the student', async () => {
    const { stdout } = await runCommand('inspect', golden('dino.pth'));
    expect(stdout).toMatch(/--model dino-s\d+ .*0 classes/);
    expect((await loadWeights(golden('dino.pth'), BARE)).values).toEqual(valuesOf(BARE));
    const teacher = await loadWeights(golden('dino-full.pth'), BARE, { entry: 'teacher' });
    expect(teacher.values).toEqual(valuesOf(BARE));
    expect(teacher.notes.join()).toContain('head.mlp.0.weight');
    const student = await loadWeights(golden('dino-full.pth'), BARE, { entry: 'student' });
    expect(student.values.get('cls_token')).toEqual(
      valuesOf(BARE)
        .get('cls_token')!
        .map((v) => 2 * v),
    );
    await expect(loadWeights(golden('dino-full.pth'), BARE)).rejects.toThrow('2 sets of weights');
  });

  it.each([
    ['timm', 'deit.pth'],
    ['official', 'deit.pth'],
    ['huggingface', 'huggingface.bin'],
    ['torchvision', 'torchvision.pth'],
  ])('convert --to %s writes the names and values of %s, from any other file', async (to, file) => {
    const expected = await raw(file);
    for (const source of ['flax.npz', 'torchvision.pth', 'huggingface.bin']) {
      const out = join(folder, `${to}-${source}.safetensors`);
      expect((await runCommand('convert', golden(source), out, '--to', to)).code).toBe(0);
      expect(await raw(out)).toEqual(expected);
      expect((await loadWeights(out, MODEL)).values).toEqual(valuesOf(MODEL));
    }
  });

  it('convert knows the names of a DINO, and says where there are none', async () => {
    const out = join(folder, 'dino.safetensors');
    await runCommand('convert', golden('dino.pth'), out, '--to', 'huggingface');
    expect((await read(out)).shapes).toHaveProperty('encoder.layer.1.attention.attention.key.weight', [8, 8]);
    expect((await loadWeights(out, BARE)).values).toEqual(valuesOf(BARE));
    const refused = await runCommand('convert', golden('dino.pth'), out, '--to', 'torchvision');
    expect(refused.stderr).toContain('torchvision has no DINO');
  });

  it('resamples the position table for another image size, and says so', async () => {
    const wider = createModel('vit-b16', { ...OPTIONS, classes: 5, imageSize: 20 });
    const { values, notes } = await loadWeights(golden('deit.pth'), wider);
    expect(values.get('pos_embed')?.length).toBe(26 * 8);
    expect(notes).toEqual(['position table of 3×3 patches resampled for 5×5']);
  });

  it.each([
    ['flax-21k.npz', 'pre_logits is the layer before the classifier'],
    ['deit-distilled.pth', 'belong to a distilled DeiT'],
  ])('says what is surplus in %s', async (file, words) => {
    await expect(loadWeights(golden(file), MODEL)).rejects.toMatchObject({
      code: 'checkpoint/names',
      hint: expect.stringContaining(words) as string,
    });
  });

  it.each(['flax-21k.npz', 'deit-distilled.pth'])('says it of %s without a named model', async (file) => {
    const asked = { checkpoint: golden(file), model: undefined, overrides: [] };
    await expect(resolveWeights({ ...asked, use: 'evaluate', weights: 'raw' })).rejects.toMatchObject({
      code: 'model/unnamed',
      hint: expect.stringMatching(/pre_logits is|belong to a distilled DeiT/) as string,
    });
  });

  it('an attention without its key is said, and leaves no open file', async () => {
    const flax = await openTensors(golden('flax.npz'));
    const lost = 'Transformer/encoderblock_1/MultiHeadDotProductAttention_1/key/bias';
    const path = join(folder, 'no-key.safetensors');
    const tensors = flax.names().filter((name) => name !== lost);
    await writeSafetensors(
      path,
      tensors.map((name) => ({
        name,
        shape: flax.info(name).shape,
        dtype: 'F32',
        data: () => flax.read(name),
      })),
    );
    await flax.close();
    await expect(loadWeights(path, MODEL)).rejects.toThrow(
      `${path}: ${lost.replace('key', 'query')} is (2, 4), but ${lost} is missing`,
    );
    const open = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return ''; // that of the listing itself
      }
    });
    expect(open.filter((target) => target === path)).toEqual([]);
  });

  it.each(['flax-21k.npz', 'pooled.safetensors'])(
    'training starts from %s without its last layers',
    async (name) => {
      const pooled = join(folder, 'pooled.safetensors');
      const { values, shapes } = await read(golden('huggingface.bin'));
      const tensors = [...values].filter(([entry]) => !entry.startsWith('classifier.'));
      const pooler = ['pooler.dense.weight', new Float32Array(64)] as const;
      await writeSafetensors(
        pooled,
        [...tensors, pooler].map(([entry, data]) => ({
          name: entry,
          shape: shapes[entry] ?? [8, 8],
          dtype: 'F32',
          data,
        })),
      );
      const init = { file: name === 'flax-21k.npz' ? golden(name) : pooled, entry: null, dropHead: true };
      const notes: string[] = [];
      const reporter = { note: (line: string) => notes.push(line) } as unknown as Reporter;
      const recipe = { init, data: { classes: 'auto' } } as unknown as Recipe;
      const loaded = await loadInitial(recipe, MODEL, { name: 'any', classes: [] }, reporter);
      const wanted = [...valuesOf(MODEL)].filter(([entry]) => !entry.startsWith('head.'));
      expect(loaded).toEqual(new Map(wanted));
      expect(notes.join()).toMatch(/classifier left out, and (pre_logits|pooler) before it/);
      const other = createModel('vit-b16', { ...OPTIONS, heads: 4, classes: 5 });
      await loadInitial(recipe, other, { name: 'any', classes: [] }, reporter);
      const isSaid = notes.some((line) => line.endsWith('says model.heads=2; the model has 4'));
      expect(isSaid).toBe(name === 'flax-21k.npz');
    },
  );

  it('says that a classifier has other classes', async () => {
    const model = createModel('vit-b16', { ...OPTIONS, classes: 7 });
    await expect(loadWeights(golden('deit.pth'), model)).rejects.toMatchObject({
      code: 'checkpoint/shape',
      hint: expect.stringContaining('The file has 5 classes') as string,
    });
  });
});

/** Names, as torchvision has had them since 0.13, with shapes and values. */
async function raw(file: string) {
  const { values, shapes } = await read(file.startsWith('/') ? file : golden(file));
  const now = (name: string) => name.replace('.linear_1.', '.0.').replace('.linear_2.', '.3.');
  return new Map(
    [...values]
      .map(([name, data]) => [now(name), { shape: shapes[name], data }] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
