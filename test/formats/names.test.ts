import { describe, expect, it } from 'vitest';
import {
  bitToOfficial,
  convnextToTimm,
  detectNaming,
  officialNames,
  renamedFile,
  toOfficial,
} from '../../src/formats/names.ts';
import type { Renaming } from '../../src/formats/names.ts';
import type { TensorFile } from '../../src/formats/tensor-file.ts';

/** ConvNeXt of two blocks per stage, with the names and shapes of facebookresearch/ConvNeXt. */
function convnext(): Map<string, number[]> {
  const dims = [4, 8, 12, 16];
  const shapes = new Map<string, number[]>();
  const layer = (name: string, weight: number[]) => {
    shapes.set(`${name}.weight`, weight);
    shapes.set(`${name}.bias`, [weight[0]!]);
  };
  dims.forEach((c, s) => {
    const before = dims[s - 1] ?? 3;
    if (s === 0) layer('downsample_layers.0.0', [c, 3, 4, 4]);
    else layer(`downsample_layers.${s}.1`, [c, before, 2, 2]);
    layer(`downsample_layers.${s}.${s === 0 ? 1 : 0}`, [s === 0 ? c : before]);
    for (const block of [`stages.${s}.0`, `stages.${s}.1`]) {
      shapes.set(`${block}.gamma`, [c]);
      layer(`${block}.dwconv`, [c, 1, 7, 7]);
      layer(`${block}.norm`, [c]);
      layer(`${block}.pwconv1`, [4 * c, c]);
      layer(`${block}.pwconv2`, [c, 4 * c]);
    }
  });
  layer('norm', [16]);
  layer('head', [10, 16]);
  return shapes;
}

const shapesOf = (renaming: Renaming) =>
  new Map([...renaming].map(([name, { shape }]) => [name, [...shape]]));
const sorted = (shapes: ReadonlyMap<string, readonly number[]>) =>
  [...shapes].sort(([a], [b]) => (a < b ? -1 : 1));

describe('ConvNeXt', () => {
  it.each([false, true])('goes to timm and back, conv_mlp %s', (convMlp) => {
    const timm = shapesOf(convnextToTimm(convnext(), { convMlp }));
    expect(detectNaming(timm.keys())).toBe('convnext-timm');
    expect([...timm.keys()]).toEqual(
      expect.arrayContaining([
        'stem.0.weight',
        'stem.1.bias',
        'stages.1.downsample.0.weight',
        'stages.3.downsample.1.bias',
        'stages.2.blocks.1.conv_dw.weight',
        'stages.2.blocks.1.norm.weight',
        'stages.2.blocks.1.gamma',
        'head.norm.weight',
        'head.fc.bias',
      ]),
    );
    expect(timm.get('stages.0.blocks.0.mlp.fc1.weight')).toEqual(convMlp ? [16, 4, 1, 1] : [16, 4]);
    expect(sorted(shapesOf(toOfficial(timm)))).toEqual(sorted(convnext()));
  });

  it('understands torchvision', () => {
    const torchvision = new Map<string, number[]>();
    const parts: Record<string, string> = { dwconv: '0', norm: '2', pwconv1: '3', pwconv2: '5' };
    for (const [name, shape] of convnext()) {
      const at = name.split('.');
      const [first, s = '', b = ''] = at;
      if (first === 'downsample_layers') torchvision.set(`features.${2 * Number(s)}.${b}.${at[3]}`, shape);
      else if (first === 'norm') torchvision.set(`classifier.0.${s}`, shape);
      else if (first === 'head') torchvision.set(`classifier.2.${s}`, shape);
      else if (at[3] === 'gamma')
        torchvision.set(`features.${2 * Number(s) + 1}.${b}.layer_scale`, [...shape, 1, 1]);
      else torchvision.set(`features.${2 * Number(s) + 1}.${b}.block.${parts[at[3]!]}.${at[4]}`, shape);
    }
    expect(detectNaming(torchvision.keys())).toBe('convnext-torchvision');
    expect(sorted(shapesOf(toOfficial(torchvision)))).toEqual(sorted(convnext()));
  });

  it('leaves official, ResNet, RepLKNet and SLaK names alone', () => {
    const names = [
      'layer1.0.conv1.weight',
      'stem.0.conv.weight',
      'stages.0.blocks.0.large_kernel.lkb_origin.conv.weight',
      'stages.0.0.large_kernel.LoRA1.bn.running_mean',
      'norm.weight',
    ];
    expect([...toOfficial(new Map(names.map((name) => [name, [1]]))).keys()]).toEqual(names);
    expect([...toOfficial(convnext()).keys()]).toEqual([...convnext().keys()]);
  });

  it('refuses two tensors of one name', () => {
    const shapes = convnextToTimm(convnext());
    const both = new Map([...shapesOf(shapes), ['norm.weight', [16]]]);
    expect(() => toOfficial(both)).toThrow(
      /head\.norm\.weight would both be named norm\.weight|both be named norm/,
    );
  });
});

/** A file in memory whose values are 0, 1, 2, … in every tensor, plus an offset by tensor. */
function memoryFile(shapes: ReadonlyMap<string, readonly number[]>): TensorFile {
  const names = [...shapes.keys()];
  const read = async (name: string) => {
    const count = shapes.get(name)!.reduce((a, b) => a * b, 1);
    return Float32Array.from({ length: count }, (_, i) => 1000 * names.indexOf(name) + i);
  };
  return {
    path: 'memory',
    format: 'npz',
    metadata: new Map(),
    entry: '',
    leftOut: [],
    names: () => names,
    info: (name) => ({ dtype: 'F32', shape: shapes.get(name)! }),
    read,
    readInts: async (name) => Float64Array.from(await read(name)),
    close: async () => undefined,
  };
}

describe('the JAX archives', () => {
  it('BiT: names, and kernels from (h, w, i, o) to (o, i, h, w)', async () => {
    const file = memoryFile(
      new Map<string, number[]>([
        ['resnet/root_block/standardized_conv2d/kernel', [2, 2, 3, 4]],
        ['resnet/block1/unit01/a/group_norm/gamma', [4]],
        ['resnet/block1/unit01/a/group_norm/beta', [4]],
        ['resnet/block1/unit01/a/standardized_conv2d/kernel', [1, 1, 4, 2]],
        ['resnet/block1/unit01/a/proj/standardized_conv2d/kernel', [1, 1, 4, 8]],
        ['resnet/block4/unit03/c/standardized_conv2d/kernel', [1, 1, 2, 8]],
        ['resnet/block4/unit03/b/group_norm/beta', [2]],
        ['resnet/group_norm/gamma', [8]],
        ['resnet/head/conv2d/kernel', [1, 1, 8, 5]],
        ['resnet/head/conv2d/bias', [5]],
      ]),
    );
    const official = officialNames(file);
    expect(official.names()).toEqual([
      'stem.conv.weight',
      'stages.0.blocks.0.norm1.weight',
      'stages.0.blocks.0.norm1.bias',
      'stages.0.blocks.0.conv1.weight',
      'stages.0.blocks.0.downsample.conv.weight',
      'stages.3.blocks.2.conv3.weight',
      'stages.3.blocks.2.norm2.bias',
      'norm.weight',
      'head.fc.weight',
      'head.fc.bias',
    ]);
    expect(official.info('stem.conv.weight').shape).toEqual([4, 3, 2, 2]);
    const [source, root] = [await file.read(file.names()[0]!), await official.read('stem.conv.weight')];
    for (let o = 0; o < 4; o++)
      for (let i = 0; i < 3; i++)
        for (let y = 0; y < 2; y++)
          for (let x = 0; x < 2; x++)
            expect(root[((o * 3 + i) * 2 + y) * 2 + x]).toBe(source[((y * 2 + x) * 3 + i) * 4 + o]);
    const timm = [
      'stem.conv.weight',
      'stages.0.blocks.0.norm1.weight',
      'stages.3.blocks.11.downsample.conv.weight',
      'stages.0.blocks.0.conv1.weight',
      'norm.bias',
      'head.fc.bias',
    ];
    const code = [
      'root.conv.weight',
      'body.block1.unit01.gn1.weight',
      'body.block4.unit12.downsample.weight',
      'body.block1.unit01.conv1.weight',
      'head.gn.bias',
      'head.conv.bias',
    ];
    const shapes = (names: string[]) => new Map(names.map((name) => [name, [1]]));
    expect([...bitToOfficial(shapes(timm)).keys()]).toEqual(code);
    expect([...toOfficial(shapes(code)).keys()]).toEqual(timm);
    expect([...toOfficial(shapes(timm)).keys()]).toEqual(timm);
  });

  it('ViT: the converted weights compute what Flax computes', async () => {
    const [d, heads, width] = [4, 2, 3];
    const block = 'Transformer/encoderblock_0';
    const attention = `${block}/MultiHeadDotProductAttention_1`;
    const file = memoryFile(
      new Map<string, number[]>([
        ['Transformer/encoder_norm/scale', [d]],
        ...['query', 'key', 'value'].flatMap((role): [string, number[]][] => [
          [`${attention}/${role}/kernel`, [d, heads, width]],
          [`${attention}/${role}/bias`, [heads, width]],
        ]),
        [`${attention}/out/kernel`, [heads, width, d]],
        [`${attention}/out/bias`, [d]],
        [`${block}/LayerNorm_0/scale`, [d]],
        [`${block}/LayerNorm_2/bias`, [d]],
        [`${block}/MlpBlock_3/Dense_0/kernel`, [d, 8]],
        [`${block}/MlpBlock_3/Dense_1/bias`, [d]],
        ['Transformer/posembed_input/pos_embedding', [1, 5, d]],
        ['cls', [1, 1, d]],
        ['embedding/kernel', [2, 2, 3, d]],
        ['head/kernel', [d, 7]],
      ]),
    );
    const vit = officialNames(file);
    expect(Object.fromEntries(vit.names().map((name) => [name, vit.info(name).shape]))).toEqual({
      'norm.weight': [d],
      'blocks.0.attn.qkv.weight': [18, d],
      'blocks.0.attn.qkv.bias': [18],
      'blocks.0.attn.proj.weight': [d, 6],
      'blocks.0.attn.proj.bias': [d],
      'blocks.0.norm1.weight': [d],
      'blocks.0.norm2.bias': [d],
      'blocks.0.mlp.fc1.weight': [8, d],
      'blocks.0.mlp.fc2.bias': [d],
      pos_embed: [1, 5, d],
      cls_token: [1, 1, d],
      'patch_embed.proj.weight': [d, 3, 2, 2],
      'head.weight': [7, d],
    });
    const qkv = await vit.read('blocks.0.attn.qkv.weight');
    const bias = await vit.read('blocks.0.attn.qkv.bias');
    const proj = await vit.read('blocks.0.attn.proj.weight');
    const out = await file.read(`${attention}/out/kernel`);
    for (const [r, role] of ['query', 'key', 'value'].entries()) {
      const kernel = await file.read(`${attention}/${role}/kernel`);
      const flaxBias = await file.read(`${attention}/${role}/bias`);
      for (let h = 0; h < heads; h++)
        for (let k = 0; k < width; k++) {
          const row = (r * heads + h) * width + k;
          expect(bias[row]).toBe(flaxBias[h * width + k]);
          for (let i = 0; i < d; i++) {
            expect(qkv[row * d + i]).toBe(kernel[(i * heads + h) * width + k]);
            expect(proj[i * heads * width + h * width + k]).toBe(out[(h * width + k) * d + i]);
          }
        }
    }
  });

  it('asks for a tensor that is not there by its nearest name', () => {
    const file = renamedFile(
      memoryFile(new Map([['a.weight', [1]]])),
      toOfficial(new Map([['a.weight', [1]]])),
    );
    expect(() => file.info('a.weigth')).toThrow(/no tensor a\.weigth/);
  });
});
