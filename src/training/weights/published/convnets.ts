import {
  AT_224,
  AT_384,
  IN1K,
  IN21K,
  IN22K,
  SQUASHED,
  TUNED,
  TUNED_21K,
  published,
  type Maker,
  type Row,
} from './record.ts';

/** Convolutional networks, and what torchvision publishes. A drive's link names a page; the direct address is derived from it. */

const CONVNEXT: Maker = {
  base: 'https://dl.fbaipublicfiles.com/convnext/',
  licence: 'MIT',
  source: 'facebookresearch/ConvNeXt: README.md',
};

function convnext(
  size: string,
  long: string,
  rows: readonly (readonly [string, string, number | null])[],
): Row[] {
  return rows.map(([tag, file, percent]) => {
    const is384 = tag.endsWith('384');
    return {
      name: `convnext-${size}@${tag}`,
      path: `convnext_${long}_${file}.pth`,
      about: tag === '22k' ? IN22K : tag.startsWith('22k') ? TUNED : IN1K,
      ...(percent === null ? {} : { top1: [percent, is384 ? SQUASHED : AT_224] as const }),
      ...(tag === '22k' ? { classes: 21_841 } : {}),
      ...(is384 ? { set: AT_384 } : {}),
    };
  });
}

export const CONVNEXTS = published(CONVNEXT, [
  ...convnext('t', 'tiny', [
    ['official', '1k_224_ema', 82.1],
    ['22k', '22k_224', null],
    ['22k-1k', '22k_1k_224', 82.9],
    ['22k-1k-384', '22k_1k_384', 84.1],
  ]),
  ...convnext('s', 'small', [
    ['official', '1k_224_ema', 83.1],
    ['22k', '22k_224', null],
    ['22k-1k', '22k_1k_224', 84.6],
    ['22k-1k-384', '22k_1k_384', 85.8],
  ]),
  ...convnext('b', 'base', [
    ['official', '1k_224_ema', 83.8],
    ['384', '1k_384', 85.1],
    ['22k', '22k_224', null],
    ['22k-1k', '22k_1k_224', 85.82],
    ['22k-1k-384', '22k_1k_384', 86.8],
  ]),
  ...convnext('l', 'large', [
    ['official', '1k_224_ema', 84.3],
    ['384', '1k_384', 85.5],
    ['22k', '22k_224', null],
    ['22k-1k', '22k_1k_224', 86.6],
    ['22k-1k-384', '22k_1k_384', 87.5],
  ]),
  ...convnext('xl', 'xlarge', [
    ['22k', '22k_224', null],
    ['22k-1k', '22k_1k_224_ema', 87.0],
    ['22k-1k-384', '22k_1k_384_ema', 87.8],
  ]),
]);

const TIMM: Maker = {
  base: 'https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-rsb-weights/',
  licence: 'Apache-2.0',
  source: 'huggingface/pytorch-image-models: timm/models/convnext.py, resnet.py',
};
export const TIMMS = published(TIMM, [
  { name: 'convnext-atto@timm', path: 'convnext_atto_d2-01bb0f51.pth', about: IN1K, top1: [75.672, AT_224] },
  {
    name: 'convnext-femto@timm',
    path: 'convnext_femto_d1-d71d5b4c.pth',
    about: IN1K,
    top1: [77.498, AT_224],
  },
  { name: 'convnext-pico@timm', path: 'convnext_pico_d1-10ad7f0d.pth', about: IN1K, top1: [79.516, AT_224] },
  {
    name: 'convnext-nano@timm',
    path: 'convnext_nano_d1h-7eb4bdea.pth',
    about: IN1K,
    top1: [80.762, '224 of 235, bicubic'],
  },
  {
    name: 'resnet50@a1',
    path: 'resnet50_a1_0-14fe96d1.pth',
    about: IN1K,
    top1: [80.382, '224 of 235, bicubic'],
    set: ['evaluation.resize=235', 'evaluation.interpolation=bicubic'],
  },
]);

const TORCHVISION: Maker = {
  base: 'https://download.pytorch.org/models/',
  licence: 'BSD-3-Clause',
  source: 'pytorch/vision: torchvision/models',
};

/** torchvision's evaluation: 224 pixels out of `resize`, bilinear, ImageNet's mean and standard deviation. */
function torchvision(name: string, path: string, percent: number, resize: number): Row {
  const isVit = name.startsWith('vit');
  return {
    name,
    path,
    about: IN1K,
    top1: [percent, `224 of ${resize}, bilinear`],
    set: [
      `evaluation.resize=${resize}`,
      'evaluation.interpolation=bilinear',
      ...(isVit ? ['data.mean=[0.485,0.456,0.406]', 'data.std=[0.229,0.224,0.225]'] : []),
    ],
  };
}

export const TORCHVISIONS = published(TORCHVISION, [
  torchvision('resnet18@v1', 'resnet18-f37072fd.pth', 69.758, 256),
  torchvision('resnet34@v1', 'resnet34-b627a593.pth', 73.314, 256),
  torchvision('resnet50@v1', 'resnet50-0676ba61.pth', 76.13, 256),
  torchvision('resnet50@v2', 'resnet50-11ad3fa6.pth', 80.846, 232),
  torchvision('convnext-t@torchvision', 'convnext_tiny-983f1562.pth', 82.52, 236),
  torchvision('convnext-s@torchvision', 'convnext_small-0c510722.pth', 83.616, 230),
  torchvision('convnext-b@torchvision', 'convnext_base-6075fbad.pth', 84.062, 232),
  torchvision('convnext-l@torchvision', 'convnext_large-ea097f82.pth', 84.414, 232),
  torchvision('vit-b16@torchvision', 'vit_b_16-c867db91.pth', 81.072, 256),
  torchvision('vit-l16@torchvision', 'vit_l_16-852ce7e3.pth', 79.662, 242),
]);

/** Direct form of a link to Google Drive. */
const drive = (id: string) => `download?id=${id}&export=download&confirm=t`;
const DRIVE = { base: 'https://drive.usercontent.google.com/', isVerified: false } as const;

function replknet(name: string, id: string, file: string, about: string, rest: Partial<Row> = {}): Row {
  return { name, path: drive(id), file: `RepLKNet-${file}.pth`, about, ...rest };
}

export const REPLKNETS = published(
  { ...DRIVE, licence: 'MIT', source: 'DingXiaoH/RepLKNet-pytorch: README.md' },
  [
    replknet('replknet-31b@official', '1azQUiCxK9feYVkkrPqwVPBtNsTzDrX7S', '31B_ImageNet-1K_224', IN1K, {
      top1: [83.5, AT_224],
    }),
    replknet('replknet-31b@384', '1vo-P3XB6mRLUeDzmgv90dOu73uCeLfZN', '31B_ImageNet-1K_384', IN1K, {
      top1: [84.8, SQUASHED],
      set: AT_384,
    }),
    replknet('replknet-31b@22k', '1PYJiMszZYNrkZOeYwjccvxX8UHMALB7z', '31B_ImageNet-22K', IN22K, {
      classes: 21_841,
    }),
    replknet(
      'replknet-31b@22k-1k',
      '1DslZ2voXZQR1QoFY9KnbsHAeF84hzS0s',
      '31B_ImageNet-22K-to-1K_224',
      TUNED,
      {
        top1: [85.2, AT_224],
      },
    ),
    replknet(
      'replknet-31b@22k-1k-384',
      '1Sc46BWdXXm2fVP-K_hKKU_W8vAB-0duX',
      '31B_ImageNet-22K-to-1K_384',
      TUNED,
      {
        top1: [86.0, SQUASHED],
        set: AT_384,
      },
    ),
    replknet('replknet-31l@22k', '16jcPsPwo5rko7ojWS9k_W-svHX-iFknY', '31L_ImageNet-22K', IN22K, {
      classes: 21_841,
    }),
    replknet(
      'replknet-31l@22k-1k-384',
      '1JYXoNHuRvC33QV1pmpzMTKEni1hpWfBl',
      '31L_ImageNet-22K-to-1K_384',
      TUNED,
      {
        top1: [86.6, SQUASHED],
        set: AT_384,
      },
    ),
    replknet(
      'replknet-xl@73m-1k',
      '1tPC60El34GntXByIRHb-z-Apm4Y5LX1T',
      'XL_MegData73M_ImageNet1K',
      'MegData-73M, then ImageNet-1k',
      { top1: [87.8, '320 of 365, bicubic'], set: ['data.imageSize=320'] },
    ),
  ],
);

export const SLAKS = published({ ...DRIVE, licence: 'MIT', source: 'VITA-Group/SLaK: README.md' }, [
  {
    name: 'slak-t@official',
    path: drive('1Iut2f5FMS_77jGPYoUJDQzDIXOsax1u4'),
    file: 'SLaK_tiny.pth',
    about: IN1K,
    top1: [82.5, AT_224],
  },
]);

export const ROBUST_RESNETS = published(
  { ...DRIVE, licence: 'MIT', source: 'UCSC-VLAA/RobustCNN: README.md' },
  [
    ['dw', '1cbS3NGkkzKw2Uhq8ATMbsoGjIx8zhwgv', 79.4] as const,
    ['inverted-dw', '1g551TsZmVrSZ4BXje9RcT7gG_UjjFQmO', 79.0] as const,
    ['up-inverted-dw', '1lQ0zPqO6nmtXWt5r9d-M4k_GHVeW41Qy', 79.2] as const,
    ['down-inverted-dw', '1gZVclPJXT50F6iAJHUv8Z6wG6C0ZhXds', 79.9] as const,
  ].map(([block, id, percent]) => ({
    name: `robust-resnet-${block}@official`,
    path: drive(id),
    file: `robust_resnet_${block.replaceAll('-', '_')}_small.pth`,
    about: IN1K,
    top1: [percent, AT_224] as const,
  })),
);

/** A ResNet-50 and a DeiT-S trained alike, each other's teachers in Bai et al., NeurIPS 2021. */
export const ALIGNED = published(
  { ...DRIVE, licence: 'not stated', source: 'ytongbai/ViTs-vs-CNNs: README.md' },
  [
    {
      name: 'resnet50@100',
      path: drive('1SE8u1jctOM5dsbhmrcYW9Mwo3yWfNAaw'),
      file: 'res50_aligned.pth',
      about: IN1K,
      top1: [76.3, AT_224],
      set: ['evaluation.interpolation=bicubic'],
    },
    {
      name: 'deit-s16@100',
      path: drive('1VorHupVJxnBOMS79gYbIhcOaL00h_KTr'),
      file: 'deitsmall.pth',
      about: IN1K,
      top1: [76.8, AT_224],
    },
  ],
);

export const BITS = published(
  {
    base: 'https://storage.googleapis.com/bit_models/',
    licence: 'Apache-2.0',
    source: 'google-research/big_transfer: README.md',
  },
  (
    [
      ['bit-m-r101x3', 'BiT-M-R101x3', [84.43, '448, bilinear, by timm']],
      ['bit-m-r152x4', 'BiT-M-R152x4', [84.936, '480, bilinear, by timm']],
    ] as const
  ).flatMap(([model, file, top1]): Row[] => [
    { name: `${model}@official`, path: `${file}-ILSVRC2012.npz`, about: TUNED_21K, top1 },
    { name: `${model}@21k`, path: `${file}.npz`, about: IN21K, classes: 21_843 },
  ]),
);
