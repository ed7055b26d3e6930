import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { writeNpy } from '../../src/formats/npy.ts';
import { openTensors } from '../../src/formats/open.ts';
import { createModel } from '../../src/models/registry.ts';
import { formula } from '../models/formula.ts';
import { scratchFolder } from '../training/tiny.ts';
import { runCommand } from './run.ts';

/** A BiT of one block, and one of its archives as google-research/big_transfer writes them. */
const OPTIONS = { depths: [1], dims: [32], classes: 5 };
const SETTINGS = ['--set', 'model.depths=[1]', '--set', 'model.dims=[32]'];
const folder = scratchFolder();

/** timm's name → the archive's. */
function archiveName(name: string): string {
  const unit = 'resnet/block1/unit01/';
  const letter = (digit: string) => 'abc'[Number(digit) - 1] ?? '';
  return name
    .replace(/^stem\.conv\.weight$/, 'resnet/root_block/standardized_conv2d/kernel')
    .replace(
      /^stages\.0\.blocks\.0\.conv(\d)\.weight$/,
      (_, d: string) => `${unit}${letter(d)}/standardized_conv2d/kernel`,
    )
    .replace(/^stages\.0\.blocks\.0\.downsample\.conv\.weight$/, `${unit}a/proj/standardized_conv2d/kernel`)
    .replace(/^stages\.0\.blocks\.0\.norm(\d)\./, (_, d: string) => `${unit}${letter(d)}/group_norm/`)
    .replace(/^norm\./, 'resnet/group_norm/')
    .replace(/^head\.fc\./, 'resnet/head/conv2d/')
    .replace(/conv2d\/weight$/, 'conv2d/kernel')
    .replace(/group_norm\/weight$/, 'group_norm/gamma')
    .replace(/group_norm\/bias$/, 'group_norm/beta');
}

async function archive(): Promise<string> {
  const members: Record<string, Uint8Array> = {};
  for (const { name, shape } of createModel('bit-m-r101x3', OPTIONS).parameters) {
    const data = formula(name, shape);
    const [o = 1, i = 1, h = 1, w = 1] = shape;
    const isKernel = shape.length === 4;
    const values = Float32Array.from(data, (_, at) => {
      if (!isKernel) return data[at]!;
      // Element at of (h, w, i, o).
      const [out, input, col] = [at % o, Math.floor(at / o) % i, Math.floor(at / (o * i)) % w];
      return data[((out * i + input) * h + Math.floor(at / (o * i * w))) * w + col]!;
    });
    const path = join(folder, 'member.npy');
    await writeNpy(path, values, isKernel ? [h, w, i, o] : shape);
    members[`${archiveName(name)}.npy`] = await readFile(path);
  }
  const path = join(folder, 'BiT-M-R101x3.npz');
  writeFileSync(path, zipSync(members));
  return path;
}

async function read(path: string): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const file = await openTensors(path);
  const values = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of file.names())
    values.set(name, { shape: file.info(name).shape, data: await file.read(name) });
  await file.close();
  return values;
}

describe("BiT's archives", () => {
  it('are recognised, and become the names of timm and of the official code and back, value for value', async () => {
    const npz = await archive();
    const inspected = JSON.parse((await runCommand('inspect', npz, '--json')).stdout) as Record<
      string,
      unknown
    >;
    expect(inspected).toMatchObject({
      naming: 'bit-npz',
      model: { name: 'bit-m-r101x3', classes: 5, set: ['model.depths=[1]', 'model.dims=[32]'] },
    });
    const [timm, official, again] = ['timm', 'official', 'again'].map((name) =>
      join(folder, `${name}.safetensors`),
    );
    await runCommand('convert', npz, timm!, '--to', 'timm');
    for (const [name, { shape, data }] of await read(timm!))
      expect(data, name).toEqual(Float32Array.from(formula(name, shape)));
    expect((await read(timm!)).get('head.fc.weight')?.shape).toEqual([5, 128, 1, 1]);
    await runCommand('convert', timm!, official!, '--to', 'official', '--model', 'bit-m-r101x3', ...SETTINGS);
    expect([...(await read(official!)).keys()]).toEqual(
      expect.arrayContaining([
        'root.conv.weight',
        'body.block1.unit01.gn1.bias',
        'body.block1.unit01.conv3.weight',
        'body.block1.unit01.downsample.weight',
        'head.gn.weight',
        'head.conv.bias',
      ]),
    );
    await runCommand('convert', official!, again!, '--to', 'timm');
    expect(await read(again!)).toEqual(await read(timm!));
  });

  it('say what a classifier of other classes means', async () => {
    const npz = await archive();
    const wrong = ['--model', 'bit-m-r101x3', ...SETTINGS, '--set', 'model.classes=1000'];
    const { code, stderr } = await runCommand('convert', npz, join(folder, 'x.safetensors'), ...wrong);
    expect([code, stderr]).toEqual([4, expect.stringContaining('head.fc.weight is (5, 128, 1, 1)')]);
    expect(stderr).toContain('The file has 5 classes');
  });
});
