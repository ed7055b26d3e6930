/** The models of the papers' tables: which of ours each is. */

/** What weights were trained on. */
export type Training = 'ImageNet-1k' | 'ImageNet-22k, then ImageNet-1k' | 'another recipe on ImageNet-1k';

/** A row of a published table as a model of ours. */
export interface PaperModel {
  /** Names of it in `data/paper/tables.json`. */
  readonly names: readonly string[];
  /** Only in these tables, where the same name means another elsewhere. */
  readonly tables?: readonly string[];
  /** Preset. */
  readonly model: string;
  readonly training: Training;
  /** Side of the input in pixels; null where the paper does not say. */
  readonly imageSize: number | null;
  /** The official file, by the name it was released under. */
  readonly file?: string;
  /** The file's SHA-256 begins so: its publisher says it in the name. */
  readonly sha256?: string;
  /** Recipes that train it, one after the other. */
  readonly recipes?: readonly string[];
  /** The run of a sweep that trains it. */
  readonly sweep?: { readonly name: string; readonly point: string };
  /** Settings in which its training differs from that of its table's other rows. */
  readonly kernels?: readonly (readonly number[])[];
  readonly epochs?: number;
}

const BOTH = 'ImageNet-22k, then ImageNet-1k';
/** Google's AugReg weights, which timm has as vit_base_patch16_224 and vit_large_patch16_224. */
export const VIT_B_224 =
  'B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0--imagenet2012-steps_20k-lr_0.01-res_224.npz';
const VIT_L_224 =
  'L_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.1-sd_0.1--imagenet2012-steps_20k-lr_0.01-res_224.npz';
const TABLE7 = ['table7'] as const;

function convnextT(k: number, ...kernels: (readonly number[])[]): PaperModel {
  return {
    names: [`ConvNeXt-${k}`],
    tables: TABLE7,
    model: 'convnext-t',
    training: 'ImageNet-1k',
    imageSize: 224,
    sweep: { name: 'table7', point: String(k) },
    // The paper does not say which stage has which kernel: both readings count.
    kernels: [[k, k, k, k], ...kernels],
    epochs: 120,
  };
}

function robustResnet(block: string): PaperModel {
  const name = block
    .split('-')
    .map((word) => (word === 'dw' ? 'DW' : `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`));
  return {
    names: [`Robust-ResNet-${name.join('-')}-Small`],
    model: `robust-resnet-${block}`,
    training: 'ImageNet-1k',
    imageSize: 224,
    sweep: { name: 'combinations', point: block },
    epochs: 300,
  };
}

function vit(letter: 'B' | 'L', names: readonly string[], rest: Partial<PaperModel>): PaperModel {
  const model = `vit-${letter.toLowerCase()}16`;
  return { names, model, training: BOTH, imageSize: null, ...rest };
}

function resnet50(tables: readonly string[], file: string): PaperModel {
  const sha256 = /-([0-9a-f]{8})\.pth$/.exec(file)?.[1] ?? '';
  const names = ['ResNet-50'];
  return { names, tables, model: 'resnet50', training: 'ImageNet-1k', imageSize: 224, file, sha256 };
}

/**
 * Sizes and files: LKRobust's code and Paul & Chen's notebooks, from which the paper's rows of ViT and BiT come. Tables 5 and 6 have ViTs at
 * 384 pixels, Tables 3 and 4 timm's at 224.
 */
export const PAPER_MODELS: readonly PaperModel[] = [
  {
    names: ['RepLKNet-31B'],
    model: 'replknet-31b',
    training: BOTH,
    imageSize: 224,
    file: 'RepLKNet-31B_ImageNet-22K-to-1K_224.pth',
    recipes: ['replknet-31b-22k', 'replknet-31b-22k-to-1k'],
  },
  {
    names: ['RepLKNet-3B'],
    model: 'replknet-3b',
    training: BOTH,
    imageSize: 224,
    recipes: ['replknet-3b-22k', 'replknet-3b-22k-to-1k'],
  },
  {
    names: ['RepLKNet-31L'],
    model: 'replknet-31l',
    training: BOTH,
    imageSize: 384,
    file: 'RepLKNet-31L_ImageNet-22K-to-1K_384.pth',
    recipes: ['replknet-31l-22k', 'replknet-31l-22k-to-1k-384'],
  },
  vit('B', ['ViT-B'], { tables: ['table5', 'table6'], imageSize: 384, file: 'ViT-B_16.npz' }),
  vit('L', ['ViT-L'], { tables: ['table6'], imageSize: 384, file: 'ViT-L_16.npz' }),
  vit('B', ['ViT-B'], { tables: ['table4'], imageSize: 224, file: VIT_B_224 }),
  vit('L', ['ViT-L'], { tables: ['table4'], imageSize: 224, file: VIT_L_224 }),
  vit('L', ['ViT-L/16'], { tables: ['table3'], imageSize: 224, file: VIT_L_224 }),
  vit('L', ['ViT-L/16'], { tables: ['table1', 'table2'] }),
  {
    names: ['BiT m-r101x3'],
    model: 'bit-m-r101x3',
    training: BOTH,
    imageSize: 224,
    file: 'BiT-M-R101x3-ILSVRC2012.npz',
  },
  {
    names: ['BiT-r152x4'],
    model: 'bit-m-r152x4',
    training: BOTH,
    imageSize: 224,
    file: 'BiT-M-R152x4-ILSVRC2012.npz',
  },
  {
    names: ['ConvNeXt-B'],
    model: 'convnext-b',
    training: BOTH,
    imageSize: 224,
    file: 'convnext_base_22k_1k_224.pth',
    recipes: ['convnext-b-22k', 'convnext-b-22k-to-1k'],
  },
  {
    names: ['ConvNeXt-L'],
    model: 'convnext-l',
    training: BOTH,
    imageSize: 224,
    file: 'convnext_large_22k_1k_224.pth',
    recipes: ['convnext-l-22k', 'convnext-l-22k-to-1k'],
  },
  resnet50(['table1', 'table2', 'table3'], 'resnet50-0676ba61.pth'),
  resnet50(['table4'], 'resnet50_a1_0-14fe96d1.pth'),
  {
    names: ['DeepAugment + AugMix', 'AugMix', 'ResNet-50 (their DeiT-recipe baseline)'],
    model: 'resnet50',
    training: 'another recipe on ImageNet-1k',
    imageSize: 224,
  },
  convnextT(3),
  convnextT(7),
  convnextT(13),
  convnextT(31, [31, 29, 27, 13]),
  convnextT(51, [51, 49, 47, 13]),
  {
    names: ['DeiT-S (official checkpoint)'],
    model: 'deit-s16',
    training: 'ImageNet-1k',
    imageSize: 224,
    file: 'deit_small_patch16_224-cd65a155.pth',
    sha256: 'cd65a155',
    recipes: ['deit-s16'],
    epochs: 300,
  },
  robustResnet('dw'),
  robustResnet('inverted-dw'),
  robustResnet('up-inverted-dw'),
  robustResnet('down-inverted-dw'),
];

/** The model of a row. @param table id of the table */
export function paperModel(name: string, table: string): PaperModel | undefined {
  return PAPER_MODELS.find(
    ({ names, tables }) => names.includes(name) && (tables === undefined || tables.includes(table)),
  );
}

/** Every model that a name stands for, in whatever table. */
export function paperModels(name: string): PaperModel[] {
  return PAPER_MODELS.filter(({ names }) => names.includes(name));
}
