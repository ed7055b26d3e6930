import { AT_224, IN1K, IN21K, TUNED_21K, published } from './record.ts';

/** Vision transformers. */

const AUGREG = 'aug_medium1-wd_0.1';
const AUGREG_1K = '-imagenet2012-steps_20k-lr_0.01-res_224.npz';
const AS_FLAX = ['evaluation.squash=true', 'evaluation.interpolation=bilinear'];
export const VITS = published(
  {
    base: 'https://storage.googleapis.com/vit_models/',
    licence: 'Apache-2.0',
    source:
      'huggingface/pytorch-image-models: timm/models/vision_transformer.py; google-research/vision_transformer: README.md',
  },
  [
    {
      name: 'vit-b16@augreg',
      path: `augreg/B_16-i21k-300ep-lr_0.001-${AUGREG}-do_0.0-sd_0.0-${AUGREG_1K}`,
      about: TUNED_21K,
      top1: [84.534, '224 of 248, bicubic'],
    },
    {
      name: 'vit-l16@augreg',
      path: `augreg/L_16-i21k-300ep-lr_0.001-${AUGREG}-do_0.1-sd_0.1-${AUGREG_1K}`,
      about: TUNED_21K,
      top1: [85.856, '224 of 248, bicubic'],
    },
    // The transformers of LKRobust's tables; their accuracies are sayakpaul/robustness-vit's.
    {
      name: 'vit-b16@original',
      path: 'imagenet21k+imagenet2012/ViT-B_16.npz',
      about: TUNED_21K,
      top1: [84.0, '384 squashed, bilinear'],
      set: AS_FLAX,
    },
    {
      name: 'vit-l16@original',
      path: 'imagenet21k+imagenet2012/ViT-L_16.npz',
      about: TUNED_21K,
      top1: [85.2, '384 squashed, bilinear'],
      set: AS_FLAX,
    },
    { name: 'vit-b16@21k', path: 'imagenet21k/ViT-B_16.npz', about: IN21K, classes: 21_843 },
    { name: 'vit-l16@21k', path: 'imagenet21k/ViT-L_16.npz', about: IN21K, classes: 21_843 },
  ],
);

export const DEITS = published(
  {
    base: 'https://dl.fbaipublicfiles.com/deit/',
    licence: 'Apache-2.0',
    source: 'facebookresearch/deit: README_deit.md',
  },
  [
    {
      name: 'deit-s16@official',
      path: 'deit_small_patch16_224-cd65a155.pth',
      about: IN1K,
      top1: [79.854, AT_224],
    },
  ],
);

export const DINOS = published(
  {
    base: 'https://dl.fbaipublicfiles.com/dino/',
    licence: 'Apache-2.0',
    source: 'facebookresearch/dino: README.md, visualize_attention.py',
  },
  (
    [
      ['dino-s16@official', 'dino_deitsmall16_pretrain'],
      ['dino-s8@official', 'dino_deitsmall8_pretrain'],
      ['dino-s8@300ep', 'dino_deitsmall8_300ep_pretrain'],
    ] as const
  ).map(([name, file]) => ({
    name,
    path: `${file}/${file}.pth`,
    about: `${IN1K} without labels`,
    classes: 0,
  })),
);
