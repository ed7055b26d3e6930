import { describe, expect, it } from 'vitest';
import { recordInference } from '../../src/models/inference.ts';
import { createModel } from '../../src/models/registry.ts';
import { countElements, decays } from '../../src/nn/parameters.ts';
import { Graph, type Node, specsOf } from '../../src/graph/graph.ts';
import type { Cost } from '../../src/ops/op.ts';
import { f32 } from '../../src/ops/tensor.ts';

function costOf({ op, inputs, outputs, attrs }: Node): Cost {
  return op.cost(specsOf(inputs), specsOf(outputs), attrs);
}

/** Multiply-accumulates of one image, as papers count them, from the recorded ops. */
function macs(name: string, overrides: Record<string, unknown>, size: number) {
  const model = createModel(name, overrides);
  // As the model recorded it, without what nobody reads.
  const { nodes } = recordInference(model, { batch: 1, channels: 3, imageSize: size }, { plain: true });
  const total = { all: 0, depthwise: 0, live: 0 };
  for (const node of nodes) {
    const cost = costOf(node);
    total.all += cost.macs;
    if (node.op.name !== 'depthwise') continue;
    total.depthwise += cost.macs;
    total.live += cost.liveMacs;
  }
  return total;
}

function entries(name: string, overrides: Record<string, unknown> = {}): number {
  return createModel(name, overrides).parameters.length;
}

function parameters(name: string, overrides: Record<string, unknown> = {}): number {
  return countElements(createModel(name, overrides).parameters, 'parameter');
}

const all = (k: number) => [k, k, k, k];

describe('ConvNeXt', () => {
  it.each([
    ['convnext-atto', 3_695_520, 128, { 224: 547_332_480 }],
    ['convnext-femto', 5_217_784, 128, { 224: 779_629_824 }],
    ['convnext-pico', 9_045_672, 128, { 224: 1_367_055_360 }],
    ['convnext-nano', 15_593_560, 146, { 224: 2_445_528_320 }],
    ['convnext-t', 28_589_128, 182, { 224: 4_455_531_264, 288: 7_364_764_416, 384: 13_092_317_184 }],
    ['convnext-s', 50_223_688, 344, { 224: 8_683_712_256, 384: 25_517_991_936 }],
    ['convnext-b', 88_591_464, 344, { 224: 15_354_729_472, 288: 25_381_639_168, 384: 45_122_117_632 }],
    ['convnext-l', 197_767_336, 344, { 224: 34_361_433_600, 384: 100_977_561_600 }],
    ['convnext-xl', 350_196_968, 344, { 224: 60_921_030_656, 384: 179_029_262_336 }],
  ])('%s', (name, params, state, sizes) => {
    expect(parameters(name)).toBe(params);
    expect(entries(name)).toBe(state);
    for (const [size, expected] of Object.entries(sizes))
      expect(macs(name, {}, Number(size)).all).toBe(expected);
  });

  it.each([
    [all(3), 28_324_168, 4_369_730_304, 19_305_216, 18.2],
    [all(7), 28_589_128, 4_455_531_264, 105_106_176, 89.8],
    [all(13), 29_384_008, 4_712_934_144, 362_509_056, 268.5],
    [all(31), 34_630_216, 6_411_793_152, 2_061_368_064, 1010.0],
    [[31, 29, 27, 13], 31_934_536, 6_111_038_208, 1_760_613_120, 991.6],
    [all(51), 45_493_576, 9_929_632_512, 5_579_207_424, 1888.5],
    [[51, 49, 47, 13], 38_420_296, 9_299_221_248, 4_948_796_160, 1883.1],
  ])('T with kernels %j', (kernels, params, expected, depthwise, liveMillions) => {
    expect(parameters('convnext-t', { kernels })).toBe(params);
    expect(entries('convnext-t', { kernels })).toBe(182);
    const counted = macs('convnext-t', { kernels }, 224);
    expect(counted).toMatchObject({ all: expected, depthwise });
    expect((counted.live / 1e6).toFixed(1)).toBe(liveMillions.toFixed(1));
  });

  it('decays 59 tensors of 28,524,000 scalars in T', () => {
    const specs = createModel('convnext-t').parameters;
    const decayed = specs.filter(({ name, shape }) => decays(name, shape.length));
    expect([decayed.length, countElements(decayed, 'parameter')]).toEqual([59, 28_524_000]);
    const exempt = specs.filter(({ name, shape }) => !decays(name, shape.length));
    expect([exempt.length, countElements(exempt, 'parameter')]).toEqual([123, 65_128]);
  });
});

describe('ConvNeXt-T in the SLaK framework', () => {
  it.each([
    [all(3), 5, true, 28_330_792, 4_369_730_304, 254],
    [all(7), null, true, 28_595_752, 4_455_531_264, 254],
    [all(7), 101, true, 28_595_752, 4_455_531_264, 254],
    [all(7), null, false, 28_582_504, 4_455_531_264, 164],
    [all(7), 5, true, 28_774_600, 4_509_156_864, 362],
    [all(13), null, true, 29_390_632, 4_712_934_144, 254],
    [all(13), 5, true, 29_569_480, 4_766_559_744, 362],
    [[31, 29, 27, 13], null, true, 31_941_160, 6_111_038_208, 254],
    [all(31), null, true, 34_636_840, 6_411_793_152, 254],
    [[51, 49, 47, 13], null, true, 38_426_920, 9_299_221_248, 254],
    [all(51), null, true, 45_500_200, 9_929_632_512, 254],
    [[31, 29, 27, 13], 5, true, 32_120_008, 6_164_663_808, 362],
    [all(31), 5, true, 34_815_688, 6_465_418_752, 362],
    [[51, 49, 47, 13], 5, true, 38_605_768, 9_352_846_848, 362],
    [all(51), 5, true, 45_679_048, 9_983_258_112, 362],
  ])('kernels %j, small %j, bn %s', (kernels, small, bn, params, expected, state) => {
    const options = { variant: 'slak', kernels, smallKernel: small ?? 'none', bn };
    expect(parameters('convnext-t', options)).toBe(params);
    expect(entries('convnext-t', options)).toBe(state);
    expect(macs('convnext-t', options, 224).all).toBe(expected);
  });

  it.each([
    [1.3, 50_703_838, '8.705'],
    [1, 30_816_232, '5.419'],
  ])('SLaK-T, strips of 5, width %d', (widthFactor, params, giga) => {
    const options = { decomposed: true, widthFactor };
    expect(parameters('slak-t', options)).toBe(params);
    expect((macs('slak-t', options, 224).all / 1e9).toFixed(3)).toBe(giga);
  });

  it('has as many parameters merged as plain ConvNeXt', () => {
    expect(parameters('slak-t', { merged: true })).toBe(38_420_296);
    expect(macs('slak-t', { merged: true }, 224).all).toBe(9_299_221_248);
  });
});

describe('RepLKNet', () => {
  it.each([
    ['replknet-31b', {}, 79_864_168, 15_431_298_048, 1171],
    ['replknet-31b', { merged: true }, 79_527_272, 15_353_525_248, undefined],
    ['replknet-31l', {}, 172_671_016, 32_780_739_072, 1171],
    ['replknet-31l', { merged: true }, 172_165_672, 32_664_079_872, undefined],
    ['replknet-xl', {}, 335_435_752, 63_078_899_712, 1027],
    ['replknet-xl', { merged: true }, 335_399_656, 63_078_899_712, undefined],
    ['replknet-3b', {}, 71_906_408, 12_938_654_720, 1027],
    ['replknet-3b', { merged: true }, 71_894_376, 12_938_654_720, undefined],
    ['replknet-3b', { smallKernel: 3 }, 72_038_760, 12_966_652_928, 1171],
    ['replknet-31b', { kernels: all(7) }, 72_712_552, 13_140_864_000, 1171],
    ['replknet-31b', { kernels: all(13) }, 74_156_392, 13_514_173_440, 1171],
    ['replknet-31b', { kernels: all(25) }, 79_642_984, 14_932_749_312, 1171],
    ['replknet-31b', { kernels: all(31) }, 83_685_736, 15_978_015_744, 1171],
  ])('%s %j', (name, options, params, expected, state) => {
    expect(parameters(name, options)).toBe(params);
    if (state !== undefined) expect(entries(name, options)).toBe(state);
    expect(macs(name, options, 224).all).toBe(expected);
  });

  it.each([
    ['replknet-31b', {}, 384, 45_347_135_488],
    ['replknet-31b', { merged: true }, 384, 45_118_578_688],
    ['replknet-31l', {}, 384, 96_332_255_232],
    ['replknet-31l', { merged: true }, 384, 95_989_420_032],
    ['replknet-xl', {}, 320, 128_730_316_800],
    ['replknet-3b', {}, 384, 38_021_816_320],
  ])('%s %j at %d', (name, options, size, expected) => {
    expect(macs(name, options, size).all).toBe(expected);
  });

  it('31B: 22k classes, buffers, norms, decay, live taps', () => {
    expect(parameters('replknet-31b', { classes: 21_841 })).toBe(101_226_193);
    const specs = createModel('replknet-31b').parameters;
    const counters = countElements(specs, 'counter');
    expect(counters).toBe(203);
    expect(countElements(specs, 'state') + counters).toBe(275_147);
    const trained = specs.filter((spec) => spec.kind === 'parameter');
    const decayed = trained.filter(({ name, shape }) => decays(name, shape.length));
    expect([decayed.length, countElements(decayed, 'parameter')]).toEqual([155, 79_588_224]);
    expect(trained.length - decayed.length).toBe(407);
    expect(79_864_168 - countElements(decayed, 'parameter')).toBe(275_944);
    // Large kernels alone: the 3×3 of the stem and the 5×5 branches counted out.
    const graph = new Graph();
    createModel('replknet-31b').build(graph, { x: graph.input('x', f32(1, 3, 224, 224)), training: false });
    const large = graph.nodes.filter((node) => node.scope.endsWith('lkb_origin.conv'));
    const costs = large.map(costOf);
    expect(costs.reduce((sum, cost) => sum + cost.macs, 0)).toBe(2_442_868_736);
    expect(costs.reduce((sum, cost) => sum + cost.liveMacs, 0)).toBe(1_117_442_048);
  });
});

describe('ResNet', () => {
  it.each([
    ['resnet50', 25_557_032, 320, { 224: 4_089_184_256, 176: 2_608_132_096, 288: 6_758_334_464 }],
    // torchvision's own figures for the basic-block models
    ['resnet18', 11_689_512, 122, { 224: 1_814_073_344 }],
    ['resnet34', 21_797_672, 218, { 224: 3_663_761_408 }],
  ])('%s', (name, params, state, sizes) => {
    expect(parameters(name)).toBe(params);
    expect(entries(name)).toBe(state);
    for (const [size, expected] of Object.entries(sizes))
      expect(macs(name, {}, Number(size)).all).toBe(expected);
  });

  it.each([
    ['resnet20', 269_722, 40_551_040],
    ['resnet56', 853_018, 125_485_696],
  ])('%s at 32', (name, params, expected) => {
    expect(parameters(name)).toBe(params);
    expect(macs(name, {}, 32).all).toBe(expected);
  });
});

describe('BiT', () => {
  it.each([
    ['bit-m-r101x3', 387_934_888, 306, { 224: 69_492_277_248, 448: 277_950_676_992, 480: 319_075_123_200 }],
    ['bit-m-r152x4', 936_533_224, 459, { 224: 182_777_282_560, 480: 839_254_016_000 }],
  ])('%s', (name, params, state, sizes) => {
    expect(parameters(name)).toBe(params);
    expect(entries(name)).toBe(state);
    for (const [size, expected] of Object.entries(sizes))
      expect(macs(name, {}, Number(size)).all).toBe(expected);
  });

  it('lies in pieces that every adapter can bind', () => {
    const large = createModel('bit-m-r152x4').parameters.filter(({ parts = 1 }) => parts > 1);
    expect(large.map(({ name, parts }) => [name, parts])).toEqual(
      [0, 1, 2].map((block) => [`stages.3.blocks.${block}.conv2.weight`, 2]),
    );
    const upstream = createModel('bit-m-r101x3', { classes: 21_843 }).parameters;
    // 21843 = 3³ · 809: nine pieces are the fewest equal ones of less than 128 MiB.
    expect(upstream.find(({ name }) => name === 'head.fc.weight')?.parts).toBe(9);
  });
});

describe('Robust-ResNet', () => {
  it.each([
    ['dw', 38_558_440, 4_473_621_888],
    ['inverted-dw', 33_618_088, 4_565_454_336],
    ['up-inverted-dw', 34_432_552, 4_419_084_672],
    ['down-inverted-dw', 34_316_776, 4_529_741_568],
  ])('%s', (kind, params, expected) => {
    const name = `robust-resnet-${kind}`;
    expect(parameters(name)).toBe(params);
    expect(macs(name, {}, 224).all).toBe(expected);
    // Stem and classifier; six of convolutions and five of a BatchNorm a block; two and five of a shortcut.
    const { blocks } = createModel(name);
    const shortcuts = blocks.filter(({ removable }) => !removable).length;
    expect(entries(name)).toBe(4 + 11 * blocks.length + 7 * shortcuts);
    expect(shortcuts).toBe({ dw: 4, 'down-inverted-dw': 4 }[kind] ?? 3);
  });
});

describe('vision transformers', () => {
  it.each([
    ['vit-b16', 224, 86_567_656, 152, 17_563_060_224 + 768_000],
    ['vit-b16', 384, 86_859_496, 152, 55_483_582_464 + 768_000],
    ['vit-l16', 224, 304_326_632, 296, 61_553_688_576 + 1_024_000],
    ['vit-l16', 384, 304_715_752, 296, 191_065_276_416 + 1_024_000],
    ['deit-s16', 224, 22_050_664, 152, 4_598_498_304 + 384_000],
    ['dino-s16', 224, 21_665_664, 150, 4_598_498_304],
    ['dino-s8', 224, 21_670_272, 150, 22_405_358_592],
  ])('%s at %d', (name, imageSize, params, state, expected) => {
    expect(parameters(name, { imageSize })).toBe(params);
    expect(entries(name, { imageSize })).toBe(state);
    expect(macs(name, { imageSize }, imageSize).all).toBe(expected);
  });

  it('spares the class token and the position table from weight decay, beside vectors', () => {
    const exempt = createModel('deit-s16').parameters.filter((spec) => !spec.decays);
    const tables = exempt.filter(({ shape }) => shape.length > 1).map(({ name }) => name);
    expect(tables).toEqual(['cls_token', 'pos_embed']);
    expect(exempt.length).toBe(2 + 12 * 8 + 4); // of each block 2 norms and 4 biases; patches, norm and head
  });

  it('decays learning rates by block', () => {
    const model = createModel('deit-s16');
    const names = ['pos_embed', 'patch_embed.proj.weight', 'blocks.0.norm1.bias', 'blocks.11.mlp.fc2.weight'];
    expect(names.map((name) => model.layerOf(name))).toEqual([0, 0, 1, 12]);
    expect([model.layers, model.layerOf('norm.weight'), model.layerOf('head.bias')]).toEqual([14, 13, 13]);
  });

  it('refuses images that are no whole number of patches, and heads that do not divide the width', () => {
    expect(() => createModel('vit-b16', { imageSize: 225 })).toThrow('no whole number of 16-pixel patches');
    expect(() => createModel('vit-b16', { heads: 5 })).toThrow('5 heads do not divide the width 768');
  });
});
