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
