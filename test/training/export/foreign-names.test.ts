import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectNaming, officialNames } from '../../../src/formats/names.ts';
import { openTensors } from '../../../src/formats/open.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { createModel } from '../../../src/models/registry.ts';
import { convertWeights, type TargetNaming } from '../../../src/training/export/state-dict.ts';
import { recogniseModel } from '../../../src/training/weights/recognise.ts';
import { temporaryFolder } from '../../formats/fixtures.ts';
import { formula } from '../../models/formula.ts';

/** Names of torchvision and Hugging Face for small models, as the modules of their sources make them. */

const folder = await temporaryFolder();
const depths = [1, 1, 2, 1];
const both = (path: string) => [`${path}.weight`, `${path}.bias`];
const norm = (path: string) =>
  [...both(path), 'running_mean', 'running_var', 'num_batches_tracked'].map((name) =>
    name.includes('.') ? name : `${path}.${name}`,
  );
const perBlock = (names: (stage: number, block: number) => string[]) =>
  depths.flatMap((depth, stage) => Array.from({ length: depth }, (_, block) => names(stage, block)).flat());
const stages = (names: (stage: number) => string[]) => [1, 2, 3].flatMap(names);

/** torchvision/models/convnext.py: a Sequential of stem, stages and downsampling in turn. */
const TORCHVISION_CONVNEXT = [
  ...['features.0.0', 'features.0.1', 'classifier.0', 'classifier.2'].flatMap(both),
  ...stages((s) => [0, 1].flatMap((part) => both(`features.${2 * s}.${part}`))),
  ...perBlock((s, b) => [
    ...[0, 2, 3, 5].flatMap((part) => both(`features.${2 * s + 1}.${b}.block.${part}`)),
    `features.${2 * s + 1}.${b}.layer_scale`,
  ]),
];
/** transformers: models/convnext/modeling_convnext.py */
const HUGGINGFACE_CONVNEXT = [
  ...[
    'convnext.embeddings.patch_embeddings',
    'convnext.embeddings.layernorm',
    'convnext.layernorm',
    'classifier',
  ].flatMap(both),
  ...stages((s) => [0, 1].flatMap((part) => both(`convnext.encoder.stages.${s}.downsampling_layer.${part}`))),
  ...perBlock((s, b) => [
    ...['dwconv', 'layernorm', 'pwconv1', 'pwconv2'].flatMap((part) =>
      both(`convnext.encoder.stages.${s}.layers.${b}.${part}`),
    ),
    `convnext.encoder.stages.${s}.layers.${b}.layer_scale_parameter`,
  ]),
];
/** transformers: models/resnet/modeling_resnet.py. @param convolutions of a block @param hasShortcut in the first stage too */
const huggingfaceResNet = (convolutions: number, hasShortcut: boolean) => {
  const unit = (path: string) => [`${path}.convolution.weight`, ...norm(`${path}.normalization`)];
  return [
    ...unit('resnet.embedder.embedder'),
    ...both('classifier.1'),
    ...perBlock((s, b) => {
      const path = `resnet.encoder.stages.${s}.layers.${b}`;
      return [
        ...Array.from({ length: convolutions }, (_, i) => unit(`${path}.layer.${i}`)).flat(),
        ...(b === 0 && (s > 0 || hasShortcut) ? unit(`${path}.shortcut`) : []),
      ];
    }),
  ];
};
/** transformers: models/bit/modeling_bit.py, with layer_type preactivation */
const HUGGINGFACE_BIT = [
  'bit.embedder.convolution.weight',
  ...both('bit.norm'),
  ...both('classifier.1'),
  ...perBlock((s, b) => {
    const path = `bit.encoder.stages.${s}.layers.${b}`;
    return [
      ...[1, 2, 3].flatMap((i) => [...both(`${path}.norm${i}`), `${path}.conv${i}.weight`]),
      ...(b === 0 ? [`${path}.downsample.conv.weight`] : []),
    ];
  }),
];

const CONVNEXT = { dims: [4, 6, 8, 10], depths, kernels: [7], classes: 3 };
const RESNET = { dims: [2, 3, 4, 5], depths, classes: 3 };
const BIT = { dims: [32, 32, 32, 32], depths, classes: 3 };

async function converted(preset: string, config: Readonly<Record<string, unknown>>, to: TargetNaming) {
  const model = createModel(preset, config);
  const values = new Map(
    model.parameters.map(({ name, shape, kind }) => [
      name,
      kind === 'counter' ? BigInt64Array.of(7n) : Float32Array.from(formula(name, shape)),
    ]),
  );
  const own = join(folder, `${preset}.safetensors`);
  await writeSafetensors(
    own,
    model.parameters.map(({ name, shape, kind }) => ({
      name,
      shape,
      dtype: kind === 'counter' ? 'I64' : 'F32',
      data: values.get(name)!,
    })),
    {},
  );
  const path = join(folder, `${preset}-${to}.safetensors`);
  const request = { model: undefined, overrides: [], weights: 'raw', use: 'convert' } as const;
  await convertWeights({ ...request, checkpoint: own }, path, to, false);
  return { model, values, file: await openTensors(path) };
}

describe('convert', () => {
  it.each([
    ['convnext-custom', 'torchvision', CONVNEXT, TORCHVISION_CONVNEXT, 'features.1.0.layer_scale', [4, 1, 1]],
    ['convnext-custom', 'huggingface', CONVNEXT, HUGGINGFACE_CONVNEXT, 'convnext.layernorm.weight', [10]],
    ['resnet50', 'huggingface', RESNET, huggingfaceResNet(3, true), 'classifier.1.weight', [3, 20]],
    ['resnet18', 'huggingface', RESNET, huggingfaceResNet(2, false), 'classifier.1.weight', [3, 5]],
    ['bit-m-r101x3', 'huggingface', BIT, HUGGINGFACE_BIT, 'classifier.1.weight', [3, 128]],
  ] as const)('%s under the names of %s, and back', async (preset, to, config, names, entry, shape) => {
    const { model, values, file } = await converted(preset, config, to);
    expect(file.names().sort()).toEqual([...names].sort());
    expect(file.info(entry).shape).toEqual(shape);
    expect(detectNaming(file.names())).toMatch(to);
    const official = officialNames(file);
    for (const { name, shape: declared, kind } of model.parameters) {
      expect(official.info(name).shape).toEqual(declared);
      if (kind === 'counter') expect(await official.readInts(name)).toEqual(Float64Array.of(7));
      else expect(await official.read(name)).toEqual(values.get(name));
    }
    expect((await recogniseModel(official))?.model.family).toBe(model.family);
    await file.close();
  });

  it.each(['torchvision', 'huggingface'] as const)('other kernels than 7 have no names in %s', async (to) => {
    await expect(converted('convnext-custom', { ...CONVNEXT, kernels: [5] }, to)).rejects.toMatchObject({
      code: 'checkpoint/naming',
      message: expect.stringContaining('7×7') as string,
    });
  });
});
