/** The tables of names that names.ts goes by: replacements, one after the other. */

export type Rule = readonly [RegExp, string | ((...groups: string[]) => string)];

const unit = (index: string) => String(Number(index) + 1).padStart(2, '0');

/** timm's path of BiT's unit: both count from 1 there. */
const blockOf = (block: string, index: string) => `stages.${Number(block) - 1}.blocks.${Number(index) - 1}.`;

/** From each naming to the names of our models. */
export const RULES = {
  official: [],
  'convnext-timm': [
    [/^stem\.(\d)\./, 'downsample_layers.0.$1.'],
    [/^stages\.(\d)\.downsample\.(\d)\./, 'downsample_layers.$1.$2.'],
    [/^stages\.(\d)\.blocks\.(\d+)\./, 'stages.$1.$2.'],
    [/\.conv_dw\./, '.dwconv.'],
    [/\.mlp\.fc(\d)\./, '.pwconv$1.'],
    [/^head\.norm\./, 'norm.'],
    [/^head\.fc\./, 'head.'],
  ],
  'convnext-torchvision': [
    [/^features\.0\.(\d)\./, 'downsample_layers.0.$1.'],
    [/^features\.([246])\.(\d)\./, (_, at, part) => `downsample_layers.${Number(at) / 2}.${part}.`],
    [/^features\.([1357])\.(\d+)\./, (_, at, block) => `stages.${(Number(at) - 1) / 2}.${block}.`],
    [/\.block\.0\./, '.dwconv.'],
    [/\.block\.2\./, '.norm.'],
    [/\.block\.3\./, '.pwconv1.'],
    [/\.block\.5\./, '.pwconv2.'],
    [/\.layer_scale$/, '.gamma'],
    [/^classifier\.0\./, 'norm.'],
    [/^classifier\.2\./, 'head.'],
  ],
  'convnext-huggingface': [
    [/^convnext\.embeddings\.patch_embeddings\./, 'downsample_layers.0.0.'],
    [/^convnext\.embeddings\.layernorm\./, 'downsample_layers.0.1.'],
    [/^convnext\.encoder\.stages\.(\d)\.downsampling_layer\.(\d)\./, 'downsample_layers.$1.$2.'],
    [/^convnext\.encoder\.stages\.(\d)\.layers\.(\d+)\./, 'stages.$1.$2.'],
    [/^(stages\.\d\.\d+)\.layernorm\./, '$1.norm.'],
    [/\.layer_scale_parameter$/, '.gamma'],
    [/^convnext\.layernorm\./, 'norm.'],
    [/^classifier\./, 'head.'],
  ],
  'resnet-huggingface': [
    [/^resnet\.embedder\.embedder\.convolution\./, 'conv1.'],
    [/^resnet\.embedder\.embedder\.normalization\./, 'bn1.'],
    [
      /^resnet\.encoder\.stages\.(\d)\.layers\.(\d+)\./,
      (_, stage, block) => `layer${Number(stage) + 1}.${block}.`,
    ],
    [/\.shortcut\.convolution\./, '.downsample.0.'],
    [/\.shortcut\.normalization\./, '.downsample.1.'],
    [/\.layer\.(\d)\.convolution\./, (_, at) => `.conv${Number(at) + 1}.`],
    [/\.layer\.(\d)\.normalization\./, (_, at) => `.bn${Number(at) + 1}.`],
    [/^classifier\.1\./, 'fc.'],
  ],
  'bit-huggingface': [
    [/^bit\.embedder\.convolution\./, 'stem.conv.'],
    [/^bit\.encoder\.stages\.(\d)\.layers\.(\d+)\./, 'stages.$1.blocks.$2.'],
    [/^bit\.norm\./, 'norm.'],
    [/^classifier\.1\./, 'head.fc.'],
  ],
  'bit-npz': [
    [/^resnet\/root_block\/standardized_conv2d\/kernel$/, 'stem.conv.weight'],
    [/^resnet\/group_norm\//, 'norm.'],
    [/^resnet\/head\/conv2d\//, 'head.fc.'],
    [/^resnet\/block(\d)\/unit(\d+)\//, (_, block, index) => blockOf(block, index)],
    [/a\/proj\/standardized_conv2d\//, 'downsample.conv.'],
    [/([abc])\/standardized_conv2d\//, (_, part) => `conv${'abc'.indexOf(part) + 1}.`],
    [/([abc])\/group_norm\//, (_, part) => `norm${'abc'.indexOf(part) + 1}.`],
    [/\.(kernel|gamma)$/, '.weight'],
    [/\.beta$/, '.bias'],
  ],
  'bit-official': [
    [/^root\.conv\./, 'stem.conv.'],
    [/^body\.block(\d)\.unit(\d+)\./, (_, block, index) => blockOf(block, index)],
    [/\.gn(\d)\./, '.norm$1.'],
    [/\.downsample\./, '.downsample.conv.'],
    [/^head\.gn\./, 'norm.'],
    [/^head\.conv\./, 'head.fc.'],
  ],
} satisfies Readonly<Record<string, readonly Rule[]>>;

export const BIT_TO_OFFICIAL: readonly Rule[] = [
  [/^stem\.conv\./, 'root.conv.'],
  [
    /^stages\.(\d)\.blocks\.(\d+)\./,
    (_, stage, block) => `body.block${Number(stage) + 1}.unit${unit(block)}.`,
  ],
  [/\.norm(\d)\./, '.gn$1.'],
  [/\.downsample\.conv\./, '.downsample.'],
  [/^norm\./, 'head.gn.'],
  [/^head\.fc\./, 'head.conv.'],
];

export const CONVNEXT_TO_TIMM: readonly Rule[] = [
  [/^norm\./, 'head.norm.'],
  [/^head\.(weight|bias)$/, 'head.fc.$1'],
  [/^downsample_layers\.0\.(\d)\./, 'stem.$1.'],
  [/^downsample_layers\.([123])\.(\d)\./, 'stages.$1.downsample.$2.'],
  [/^stages\.(\d)\.(\d+)\./, 'stages.$1.blocks.$2.'],
  [/\.dwconv\./, '.conv_dw.'],
  [/\.pwconv(\d)\./, '.mlp.fc$1.'],
];

export const CONVNEXT_TO_TORCHVISION: readonly Rule[] = [
  [/^norm\./, 'classifier.0.'],
  [/^head\./, 'classifier.2.'],
  [/^downsample_layers\.(\d)\./, (_, stage) => `features.${2 * Number(stage)}.`],
  [/^stages\.(\d)\.(\d+)\./, (_, stage, block) => `features.${2 * Number(stage) + 1}.${block}.`],
  [/\.dwconv\./, '.block.0.'],
  [/^(features\.[1357]\.\d+)\.norm\./, '$1.block.2.'],
  [/\.pwconv1\./, '.block.3.'],
  [/\.pwconv2\./, '.block.5.'],
  [/\.gamma$/, '.layer_scale'],
];

/** Sources: huggingface/transformers, models/convnext, resnet and bit: modeling_*.py, convert_*_to_pytorch.py */
export const CONVNEXT_TO_HUGGINGFACE: readonly Rule[] = [
  [/^norm\./, 'convnext.layernorm.'],
  [/^head\./, 'classifier.'],
  [/^downsample_layers\.0\.0\./, 'convnext.embeddings.patch_embeddings.'],
  [/^downsample_layers\.0\.1\./, 'convnext.embeddings.layernorm.'],
  [/^downsample_layers\.(\d)\.(\d)\./, 'convnext.encoder.stages.$1.downsampling_layer.$2.'],
  [/^stages\.(\d)\.(\d+)\.norm\./, 'stages.$1.$2.layernorm.'],
  [/^stages\.(\d)\.(\d+)\./, 'convnext.encoder.stages.$1.layers.$2.'],
  [/\.gamma$/, '.layer_scale_parameter'],
];

export const RESNET_TO_HUGGINGFACE: readonly Rule[] = [
  [/^conv1\./, 'resnet.embedder.embedder.convolution.'],
  [/^bn1\./, 'resnet.embedder.embedder.normalization.'],
  [/^fc\./, 'classifier.1.'],
  [/\.downsample\.0\./, '.shortcut.convolution.'],
  [/\.downsample\.1\./, '.shortcut.normalization.'],
  [/\.conv(\d)\./, (_, at) => `.layer.${Number(at) - 1}.convolution.`],
  [/\.bn(\d)\./, (_, at) => `.layer.${Number(at) - 1}.normalization.`],
  [/^layer(\d)\.(\d+)\./, (_, stage, block) => `resnet.encoder.stages.${Number(stage) - 1}.layers.${block}.`],
];

export const BIT_TO_HUGGINGFACE: readonly Rule[] = [
  [/^stem\.conv\./, 'bit.embedder.convolution.'],
  [/^stages\.(\d)\.blocks\.(\d+)\./, 'bit.encoder.stages.$1.layers.$2.'],
  [/^norm\./, 'bit.norm.'],
  [/^head\.fc\./, 'classifier.1.'],
];
