import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openTensors } from '../../src/formats/open.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import type { Model } from '../../src/models/model.ts';
import { createModel } from '../../src/models/registry.ts';
import { declaredTensors } from '../../src/training/export/state-dict.ts';
import { Rng } from '../../src/util/rng.ts';
import { mutate } from '../formats/mutate.ts';
import { adapters } from '../ops/harness.ts';
import { formula, images } from '../models/formula.ts';
import { relativeError } from '../models/golden.ts';
import { onnxLogits } from '../models/onnx-runtime.ts';
import { scratchFolder } from '../training/tiny.ts';
import { runCommand } from './run.ts';

const golden = (name: string) => fileURLToPath(new URL(`../golden/checkpoints/${name}`, import.meta.url));
const TIMM = golden('convnext-timm.pth');
const REPLKNET = golden('replknet.pth');
const logits = JSON.parse(readFileSync(golden('logits.json'), 'utf8')) as Record<string, number[]>;
const setting = (...values: string[]) => values.flatMap((value) => ['--set', `model.${value}`]);
const CONVNEXT_MODEL = [
  '--model',
  'convnext-custom',
  ...setting('depths=[1,1]', 'dims=[4,6]', 'kernels=[5,3]', 'stemStride=2'),
];
const REPLKNET_MODEL = [
  '--model',
  'replknet-31b',
  ...setting('depths=[1,1]', 'dims=[4,6]', 'kernels=[5,3]', 'smallKernel=3'),
];

async function valuesOf(
  path: string,
  entry?: string,
): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const file = await openTensors(path, { entry });
  try {
    const values = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const name of file.names())
      values.set(name, { shape: file.info(name).shape, data: await file.read(name) });
    return values;
  } finally {
    await file.close();
  }
}

async function writeFormula(model: Model, path: string): Promise<void> {
  const shapes = new Map(model.parameters.map(({ name, shape }) => [name, shape]));
  const read = (name: string) => Float32Array.from(formula(name, shapes.get(name)!));
  const noCounters = { names: () => [], readInts: async () => new Float64Array() };
  await writeSafetensors(path, declaredTensors(model, read, noCounters));
}

describe('inspect', () => {
  it('says whose names, which model with which settings, and every entry', async () => {
    const { stdout } = await runCommand('inspect', TIMM);
    expect(stdout).toMatch(/^naming +convnext-timm$/m);
    expect(stdout).toMatch(/^parameters +877, and 0 /m);
    expect(stdout).toContain(
      "--model convnext-custom --set 'model.depths=[1,1]' --set 'model.dims=[4,6]' --set model.stemStride=2 --set 'model.kernels=[5,3]', 5 classes",
    );
    expect(stdout).toMatch(/^metadata entries +model model_ema$/m);
    expect(stdout).toMatch(/^stages\.1\.blocks\.0\.conv_dw\.weight +F32 +\(6, 1, 3, 3\)$/m);
  });

  it('gives the same as JSON', async () => {
    const { stdout } = await runCommand('inspect', REPLKNET, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'pth',
      parameters: 1361,
      buffers: 311,
      model: { name: 'replknet-31b', classes: 5 },
      metadata: { entry: 'state_dict' },
    });
  });

  it('does not let names command the terminal', async () => {
    const path = join(scratchFolder(), 'escape.safetensors');
    await writeSafetensors(path, [
      { name: '\u001b[2Jw', shape: [1], dtype: 'F32', data: new Float32Array(1) },
    ]);
    const { stdout } = await runCommand('inspect', path);
    expect(stdout).toContain('\\u{1b}[2Jw');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).toMatch(/^model +not recognised$/m);
  });
});

describe('convert', () => {
  const output = () => join(scratchFolder(), 'out.safetensors');

  it.each([
    ['model', 1],
    ['model_ema', 2],
  ])('writes the entry %s in official names', async (entry, factor) => {
    const path = output();
    const { stderr } = await runCommand('convert', TIMM, path, '--entry', entry, ...CONVNEXT_MODEL);
    expect(stderr).toContain('30 tensors, checked against convnext-custom');
    for (const [name, { shape, data }] of await valuesOf(path))
      expect(data, name).toEqual(Float32Array.from(formula(name, shape), (value) => factor * value));
  });

  it('writes timm names back as they were', async () => {
    const [official, timm] = [output(), output()];
    await runCommand('convert', TIMM, official, '--entry', 'model');
    await runCommand('convert', official, timm, '--to', 'timm');
    const [before, after] = [await valuesOf(TIMM, 'model'), await valuesOf(timm)];
    expect(after).toEqual(new Map([...before].sort(([a], [b]) => (a < b ? -1 : 1))));
  });

  it('gives the linear layers of the small timm models their 1×1 kernels', async () => {
    const [source, path] = [output(), output()];
    const model = createModel('convnext-atto', { depths: [1], dims: [4], kernels: [3], classes: 5 });
    await writeFormula(model, source);
    const small = ['--model', 'convnext-atto', ...setting('depths=[1]', 'dims=[4]', 'kernels=[3]')];
    await runCommand('convert', source, path, '--to', 'timm', ...small);
    expect((await valuesOf(path)).get('stages.0.blocks.0.mlp.fc1.weight')!.shape).toEqual([16, 4, 1, 1]);
  });

  it.each([
    ['slak-t', { depths: [1], dims: [4], kernels: [5] }, 'large_kernel modules'],
    ['replknet-3b', { depths: [1], dims: [4], kernels: [3] }, 'RepLKNet'],
    ['resnet20', { depths: [1], dims: [4] }, 'ResNet for CIFAR'],
  ])('says that timm has nothing of the kind of %s', async (name, options, why) => {
    const [source, path] = [output(), output()];
    await writeFormula(createModel(name, options), source);
    const small = setting(...Object.entries(options).map(([key, list]) => `${key}=[${list.join()}]`));
    const { code, stderr } = await runCommand(
      'convert',
      source,
      path,
      '--to',
      'timm',
      '--model',
      name,
      ...small,
    );
    expect([code, stderr]).toEqual([4, expect.stringContaining(`timm's names: timm has no ${why}.`)]);
    expect(existsSync(path)).toBe(false);
  });

  it('keeps counters, and adds them where a file has none', async () => {
    const [kept, added, bare] = [output(), output(), output()];
    await runCommand('convert', REPLKNET, kept, ...REPLKNET_MODEL);
    const values = await valuesOf(kept);
    const counters = [...values].filter(([name]) => name.endsWith('.num_batches_tracked'));
    expect(counters.length).toBe(23);
    for (const [name, { shape, data }] of counters) expect([name, shape, ...data]).toEqual([name, [], 41]);
    const others = [...values].filter(([name]) => !name.endsWith('.num_batches_tracked'));
    await writeSafetensors(
      bare,
      others.map(([name, rest]) => ({ name, dtype: 'F32', ...rest })),
    );
    const { stderr } = await runCommand('convert', bare, added);
    expect(stderr).toContain('23 num_batches_tracked added as 0, recognised as replknet-31b');
    expect([...(await valuesOf(added)).keys()]).toEqual([...values.keys()]);
    const file = await openTensors(added);
    expect(file.info(counters[0]![0])).toEqual({ dtype: 'I64', shape: [] });
    await file.close();
  });

  it('refuses what does not fit, and writes nothing', async () => {
    const folder = scratchFolder();
    const path = join(folder, 'out.safetensors');
    const wrong = await runCommand('convert', TIMM, path, '--entry', 'model', '--model', 'convnext-t');
    expect(wrong.code).toBe(4);
    expect(wrong.stderr).toMatch(/does not fit convnext-t: it lacks /);
    const shape = await runCommand(
      'convert',
      TIMM,
      path,
      '--entry',
      'model',
      ...CONVNEXT_MODEL,
      ...setting('kernels=[7,3]'),
    );
    expect(shape.code).toBe(4);
    expect(shape.stderr).toMatch(/dwconv\.weight is \(4, 1, 5, 5\), but .* wants \(4, 1, 7, 7\)/);
    const entry = await runCommand('convert', TIMM, path, '--entry', 'ema');
    expect(entry.code).toBe(4);
    expect((await runCommand('convert', TIMM, join(folder, 'out.pth'))).code).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('export', () => {
  it.each([
    ['convnext-timm', TIMM, ['--entry', 'model', ...CONVNEXT_MODEL], 16],
    ['replknet', REPLKNET, REPLKNET_MODEL, 32],
  ] as const)('%s gives the logits of PyTorch in ONNX Runtime', async (name, path, model, size) => {
    const onnx = join(scratchFolder(), 'model.onnx');
    const pixels = ['--set', `data.imageSize=${size}`];
    const { stderr } = await runCommand(
      'export',
      '--checkpoint',
      path,
      ...model,
      ...pixels,
      '--output',
      onnx,
    );
    expect(stderr).toContain(`x (batch, 3, ${size}, ${size}) → logits (batch, 5)`);
    const x = Float32Array.from(images(2, 3, size));
    expect(relativeError(await onnxLogits(readFileSync(onnx), x, [2, 3, size]), logits[name]!)).toBeLessThan(
      1e-5,
    );
  });

  it('knows four operator sets', async () => {
    const { code } = await runCommand('export', '--checkpoint', TIMM, '--output', 'x.onnx', '--opset', '16');
    expect(code).toBe(2);
  });
});

describe.skipIf(adapters[0] === undefined)('merge', () => {
  const options = ['depths=[1]', 'dims=[4]', 'kernels=[5]', 'smallKernel=3', 'variant=slak'];
  const SLAK = ['--model', 'convnext-custom', ...setting(...options), '--set', 'data.imageSize=8'];

  it('writes a file that the printed options use', async () => {
    const folder = scratchFolder();
    const model = createModel('convnext-custom', {
      depths: [1],
      dims: [4],
      kernels: [5],
      smallKernel: 3,
      variant: 'slak',
      classes: 5,
    });
    const [trained, merged] = [join(folder, 'trained.safetensors'), join(folder, 'merged.safetensors')];
    await writeFormula(model, trained);
    const from = ['merge', '--checkpoint', trained, ...SLAK, '--output', merged, '--adapter', adapters[0]!];
    const { stdout } = await runCommand(...from, '--json');
    const result = JSON.parse(stdout) as { model: string; set: string[]; relative: number; images: number };
    expect(result).toMatchObject({ model: 'convnext-custom', images: 2 });
    expect(result.set).toContain('model.merged=true');
    expect(result.relative).toBeLessThan(1e-5);

    const again = [
      '--checkpoint',
      merged,
      '--model',
      result.model,
      ...result.set.flatMap((each) => ['--set', each]),
    ];
    const x = Float32Array.from(images(2, 3, 8));
    const logitsOf = async (...weights: string[]) => {
      const onnx = join(folder, 'model.onnx');
      expect(await runCommand('export', ...weights, '--output', onnx)).toMatchObject({ code: 0 });
      return onnxLogits(readFileSync(onnx), x, [2, 3, 8]);
    };
    const before = await logitsOf('--checkpoint', trained, ...SLAK);
    expect(relativeError(await logitsOf(...again), before)).toBeLessThan(1e-5);

    const twice = await runCommand('merge', ...again, '--output', join(folder, 'twice.safetensors'));
    expect(twice.code).toBe(2);
    expect(twice.stderr).toContain('merged already');
  }, 900_000); // drivers without a warm cache compile for long
});

describe('a damaged file', () => {
  it.each([
    ['inspect', 30, (path: string) => ['inspect', path]],
    ['convert', 30, (path: string) => ['convert', path, `${path}.out.safetensors`]],
    [
      'export',
      60,
      (path: string) => ['export', '--checkpoint', path, ...CONVNEXT_MODEL, '--output', `${path}.onnx`],
    ],
    // Plain ConvNeXt has nothing to merge, so that no whole file gets as far as a device.
    [
      'merge',
      60,
      (path: string) => ['merge', '--checkpoint', path, ...CONVNEXT_MODEL, '--output', `${path}.safetensors`],
    ],
  ] as const)('is an error of code 4 or harmless to %s', async (name, count, command) => {
    const folder = scratchFolder();
    const official = join(folder, 'official.safetensors');
    await runCommand('convert', TIMM, official, '--entry', 'model');
    const sources = [readFileSync(TIMM), readFileSync(official)];
    const path = join(folder, 'damaged');
    const codes = new Map<number, number>();
    for (let index = 0; index < count; index++) {
      const rng = new Rng(7, `checkpoint-tools ${name}`, index);
      const bytes = sources[index % 2]!;
      // The header is where a reader can be led astray; numbers are only numbers.
      const head = Math.min(bytes.length, index % 2 === 1 ? 3000 : bytes.length);
      writeFileSync(path, Buffer.concat([mutate(bytes.subarray(0, head), rng), bytes.subarray(head)]));
      const { code, stderr } = await runCommand(...command(path));
      const nothingToMerge =
        name === 'merge' && code === 2 && stderr.includes('is a branch of a large kernel');
      expect(
        code === 0 || code === 4 || nothingToMerge,
        `mutation ${index}: exit code ${code}, ${stderr}`,
      ).toBe(true);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(codes.get(4)).toBeGreaterThan(count / 4);
    expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });
});
