import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { openTensors } from '../../src/formats/open.ts';
import type { TensorFile } from '../../src/formats/tensor-file.ts';
import { golden, numbers, readExpected, temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();
const expected = await readExpected();

async function expectValues(file: TensorFile, key: string) {
  const tensors = expected[key]!;
  expect(file.names().sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, tensor] of Object.entries(tensors)) {
    const { dtype, shape } = file.info(name);
    expect(shape, name).toEqual(tensor.shape);
    expect([...(await file.read(name))], name).toEqual(numbers(tensor).map(Math.fround));
    if (/^([IU]\d|BOOL)/.test(dtype)) expect([...(await file.readInts(name))], name).toEqual(numbers(tensor));
    else await expect(file.readInts(name)).rejects.toMatchObject({ code: 'formats/not-integers' });
  }
  await file.close();
}

describe('files that PyTorch and NumPy wrote', () => {
  const files =
    'bare.pth zip64.pth protocol4.pth evil.pth stored.npz deflated.npz v1.npy v2.npy v3.npy all.safetensors';
  it.each(files.split(' '))('%s: every name, shape and value, whatever it is called', async (name) => {
    await expectValues(await openTensors(golden(name)), name);
    const renamed = await writeTo(folder, `${name}.bin`, await readFile(golden(name)));
    await expectValues(await openTensors(renamed), name);
  });

  it('takes the entry asked for, and says which there are', async () => {
    await expect(openTensors(golden('wrapped.pth'))).rejects.toThrow(/2 sets of weights: model_ema, model$/);
    const first = await openTensors(golden('wrapped.pth'), { entry: 'model' });
    expect(Object.fromEntries(first.metadata)).toEqual({ entry: 'model', entries: 'model_ema model' });
    await expectValues(first, 'wrapped.pth');
    await expectValues(
      await openTensors(golden('wrapped.pth'), { entry: 'model_ema' }),
      'wrapped.pth#model_ema',
    );
    await expect(openTensors(golden('wrapped.pth'), { entry: 'model_em' })).rejects.toMatchObject({
      code: 'formats/unknown-entry',
      hint: 'did you mean model_ema?',
    });
    await expect(openTensors(golden('v1.npy'), { entry: 'model' })).rejects.toMatchObject({
      code: 'formats/unknown-entry',
    });
  });

  it('reads files older than 1.6, and pickled models', async () => {
    const [legacy, bare, module, dict] = await Promise.all([
      openTensors(golden('legacy.pth')),
      openTensors(golden('bare.pth')),
      openTensors(golden('module.pth')),
      openTensors(golden('protocol4.pth')),
    ]);
    expect(await legacy.read('w')).toEqual(await bare.read('f32'));
    expect(module.names()).toEqual(dict.names());
    for (const name of dict.names()) expect(await module.read(name)).toEqual(await dict.read(name));
    await Promise.all([legacy, bare, module, dict].map((file) => file.close()));
  });

  it('executes nothing', async () => {
    await (await openTensors(golden('evil.pth'))).read('w');
    expect(existsSync('EXECUTED')).toBe(false);
  });

  it('keeps the metadata of safetensors', async () => {
    const file = await openTensors(golden('all.safetensors'));
    expect(Object.fromEntries(file.metadata)).toEqual({ format: 'pt', note: 'ä' });
    expect(() => file.info('parametr')).toThrow(/no tensor parametr/);
    await expect(file.read('parametr')).rejects.toMatchObject({ hint: 'did you mean parameter?' });
    await file.close();
  });
});

describe('files that are something else', () => {
  it.each([
    ['', /empty file/],
    ['<!DOCTYPE html><html><body>404</body></html>', /web page/],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3\n', /Git LFS pointer/],
    ['\x1f\x8b\x08\x00', /gzip/],
    ['\x80\x02}.', /pickle that torch\.save did not write/],
    ['some other text', /unknown: it starts with the bytes 736f6d65/],
  ])('%j is named', async (text, message) => {
    const path = await writeTo(folder, 'stranger.pth', Buffer.from(text, 'latin1'));
    await expect(openTensors(path)).rejects.toThrow(message);
    await expect(openTensors(path)).rejects.toMatchObject({ code: 'formats/unknown' });
  });

  it.each([
    ['big-endian.npy', /type >f4/],
    ['structured.npy', /not that of a plain array/],
    ['object.npy', /type \|O/],
  ])('%s is refused with its reason', async (name, message) => {
    await expect(openTensors(golden(name))).rejects.toThrow(message);
  });

  it('a missing file and a folder', async () => {
    await expect(openTensors(`${folder}/none.pth`)).rejects.toMatchObject({ code: 'file/missing' });
    await expect(openTensors(folder)).rejects.toMatchObject({ code: 'file/read' });
  });
});
