/**
 * Every key of a recipe: its type, range, default, meaning and source. The parsed type, the errors, the resolved recipe of a run and
 * docs/recipes.md all come from this table. Defaults are neutral (nothing is augmented, mixed, decayed or averaged unless a recipe says
 * so), so a recipe file shows everything that it does.
 */
import {
  boolean,
  choice,
  field,
  folderName,
  group,
  integer,
  list,
  nullableGroup,
  number,
  orAuto,
  orNull,
  pair,
  required,
  text,
} from '../schema/fields.ts';
import type { Infer } from '../schema/fields.ts';

const probability = number({ min: 0, max: 1 });
const rate = number({ min: 0, max: 1, open: 'max' });
/** Numbers reach the device as 32-bit floats, and some are squared there. */
const LARGEST = 1e15;
const notNegative = number({ min: 0, max: LARGEST });
const positive = number({ min: 0, max: LARGEST, open: 'min' });
/** Counts of images, epochs and steps. */
const count = integer({ min: 1, max: 1e9 });
const batchSize = integer({ min: 1, max: 2 ** 20 });
const pixels = integer({ min: 1, max: 8192 });
const TIMM = 'huggingface/pytorch-image-models: timm/data';
/** Threads beyond any machine's use; each takes tens of megabytes. */
export const MOST_WORKERS = 256;
const CONVNEXT = 'facebookresearch/ConvNeXt: main.py';

/** Further keys are the options of the family that `name` is of: see model.ts. */
const model = group('What is trained.', {
  name: required(text, 'A model of the registry: `largekernel models` lists them.'),
  classes: field(
    orNull(integer({ min: 2, max: 2 ** 20 })),
    null,
    "Classes of the classifier; null takes the data's.",
  ),
});

const data = group('Where the images come from.', {
  dataset: required(text, 'A data set by name: `largekernel datasets` lists them.'),
  format: field(
    orNull(text),
    null,
    'How it is stored, where a data set has several formats; null takes its first.',
    {
      cosmetic: true,
    },
  ),
  root: field(orNull(text), null, 'Its folder; null where the data come with the project.', {
    cosmetic: true,
  }),
  classes: field(
    text,
    'auto',
    "Which classes the model's outputs stand for: `folders`, those of the training images in sorted order; `imagenet-1k`, `cifar10`, `cifar100`, `fashion-mnist` or `mnist`; or a file with one class per line. `auto`: the data set's own list (of `imagenet`, `imagenet-1k`), of `image-folder` those of the training images. Labels are matched by name. The list is kept with the run. Of a file of weights that names no classes, `folders` says that its outputs are the folders of the images in sorted order, which nothing else can tell.",
  ),
  trainSplit: field(text, 'train', 'Split to train on.'),
  valSplit: field(text, 'val', 'Split to evaluate on.'),
  imageSize: field(pixels, 224, 'Side of a training image.', { unit: 'pixels' }),
  shuffle: field(boolean, true, 'A new order of the images in every epoch.'),
  onError: field(choice('fail', 'skip'), 'fail', 'What an image that cannot be decoded does.'),
  workers: field(
    orAuto(integer({ min: 0, max: MOST_WORKERS })),
    'auto',
    'Decoding threads; results do not depend on it.',
    {
      cosmetic: true,
    },
  ),
  mean: field(
    orNull(list(number({ min: -LARGEST, max: LARGEST }), 3)),
    null,
    "Mean that is subtracted, of red, green, blue in [0, 1]; null takes the data set's.",
  ),
  std: field(
    orNull(list(positive, 3)),
    null,
    "Standard deviation that is divided by; null takes the data set's.",
  ),
  limitTrain: field(orNull(count), null, 'Train on so many images only.', { unit: 'images' }),
  limitVal: field(orNull(count), null, 'Evaluate on so many images only.', { unit: 'images' }),
});

const augment = group(
  'What happens to training images. By default they are resized and their middle is cropped, nothing else.',
  {
    crop: field(
      choice('random-resized', 'pad-crop', 'center'),
      'center',
      '`random-resized`: a random box, resized; `pad-crop`: a random window of the zero-padded image; `center`: resized, then the middle.',
      { source: `${TIMM}/transforms_factory.py` },
    ),
    scale: field(
      pair(number({ min: 0, max: 1, open: 'min' })),
      [0.08, 1],
      'Of `random-resized`: share of the area.',
    ),
    ratio: field(pair(positive), [3 / 4, 4 / 3], 'Of `random-resized`: width over height.'),
    padding: field(integer({ min: 0, max: 8192 }), 4, 'Of `pad-crop`.', { unit: 'pixels' }),
    interpolation: field(
      choice('bilinear', 'bicubic'),
      'bicubic',
      'Of the resize and of geometric augmentation.',
    ),
    flip: field(probability, 0, 'Probability of a horizontal flip.'),
    colorJitter: field(
      orNull(number({ min: 0, max: 1 })),
      null,
      'Strength of brightness, contrast and saturation jitter; ignored, as in timm, beside RandAugment.',
      { source: `${TIMM}/transforms_factory.py` },
    ),
    autoAugment: field(
      orNull(text),
      null,
      "RandAugment in timm's notation, as `rand-m9-mstd0.5-inc1`, or `3a`; null for none.",
      { source: `${TIMM}/auto_augment.py` },
    ),
    erasing: group(
      'Random erasing of the normalised image.',
      {
        prob: field(probability, 0, 'Probability of erasing in an image.'),
        mode: field(
          choice('pixel', 'const', 'rand'),
          'pixel',
          'Filled with noise for each pixel, zero, or one colour of noise.',
        ),
        count: field(integer({ min: 1, max: 1000 }), 1, 'Most boxes in an image.'),
      },
      { shorthand: 'prob' },
    ),
    mixup: field(notNegative, 0, 'Alpha of mixup; 0 for none.', { source: `${TIMM}/mixup.py` }),
    cutmix: field(notNegative, 0, 'Alpha of CutMix; 0 for none.', { source: `${TIMM}/mixup.py` }),
    mixProb: field(probability, 1, 'Probability of mixing at all.'),
    switchProb: field(probability, 0.5, 'Probability of CutMix where both are on.'),
    mixMode: field(
      choice('batch', 'pair', 'elem'),
      'batch',
      'One draw for each mix group, pair of images, or image.',
    ),
    mixOrder: field(
      choice('erase-then-mix', 'mix-then-erase'),
      'erase-then-mix',
      'ConvNeXt, RepLKNet and DeiT erase first; Robust-ResNet erases the mixed image.',
    ),
    mixGroup: field(
      integer({ min: 2, max: 2 ** 20 }),
      128,
      'Images that share a mix draw and find their partners among themselves: the batch of one GPU in the reference, or the whole batch where that is smaller.',
      { unit: 'images', source: `${TIMM}/mixup.py; facebookresearch/ConvNeXt: TRAINING.md` },
    ),
    repeats: field(
      integer({ min: 1, max: 1000 }),
      1,
      'Differently augmented views of an image in a row (repeated augmentation).',
      {
        source: 'facebookresearch/deit: samplers.py',
      },
    ),
  },
  { none: 'none' },
);

const evaluation = group('How accuracy is measured.', {
  resize: field(orNull(pixels), null, 'Length of the short side; null leaves the image as it is.', {
    unit: 'pixels',
  }),
  crop: field(orNull(pixels), null, 'Side of the centre crop; null for none.', { unit: 'pixels' }),
  squash: field(boolean, false, 'Resize both sides, whatever the aspect ratio.'),
  interpolation: field(choice('bilinear', 'bicubic', 'box'), 'bicubic', 'Of the resize.'),
  batch: field(batchSize, 64, 'Images in one pass.', { unit: 'images', cosmetic: true }),
  everyEpochs: field(count, 1, 'Epochs between evaluations.', { unit: 'epochs' }),
  ema: field(boolean, true, 'Evaluate the averaged weights beside the raw ones, where there are any.'),
});

const optimizer = group('How weights are updated.', {
  name: field(
    choice('adamw', 'sgd'),
    'adamw',
    'AdamW with decoupled decay, or SGD with momentum, as in PyTorch.',
  ),
  lr: required(
    positive,
    'Peak learning rate, for the batch of `lrPer`, or for batch.size where that is null.',
  ),
  lrPer: field(
    orNull(count),
    null,
    'The batch that `lr` was given for: the rate is lr · batch.size / lrPer. Null: the rate is `lr`, whatever the batch.',
    { unit: 'images', source: 'the linear rule, Goyal et al. 2017' },
  ),
  betas: field(pair(rate), [0.9, 0.999], 'Of AdamW.', { source: 'torch.optim.AdamW' }),
  eps: field(positive, 1e-8, 'Of AdamW.', { source: 'torch.optim.AdamW' }),
  weightDecay: field(
    notNegative,
    0,
    'Decay of weights with more than one dimension; biases, norms and layer scales are exempt.',
    {
      source: 'facebookresearch/ConvNeXt: optim_factory.py',
    },
  ),
  weightDecayEnd: field(orNull(notNegative), null, 'Decay at the end of a cosine; null keeps it constant.', {
    source: CONVNEXT,
  }),
  momentum: field(rate, 0.9, 'Of SGD.'),
  nesterov: field(boolean, false, 'Of SGD.'),
  layerDecay: field(
    orNull(number({ min: 0, max: 1, open: 'min' })),
    null,
    'Factor on the learning rate from each group of layers to the one before it, for fine-tuning; null for none.',
    { source: 'facebookresearch/ConvNeXt: optim_factory.py' },
  ),
  clipNorm: field(orNull(positive), null, 'Largest norm of the whole gradient; null does not clip.'),
});

const schedule = group('How the learning rate changes: linear warm-up, then a cosine.', {
  epochs: required(count, 'Length of the run.', { unit: 'epochs' }),
  warmupEpochs: field(notNegative, 0, 'Length of the warm-up.', { unit: 'epochs' }),
  warmupSteps: field(orNull(count), null, 'Length of the warm-up in optimiser steps, in place of epochs.', {
    unit: 'steps',
    source: CONVNEXT,
  }),
  warmupLr: field(notNegative, 0, 'Learning rate at the start of the warm-up.'),
  minLr: field(notNegative, 1e-6, 'Learning rate at the end of the cosine.', { source: CONVNEXT }),
  unit: field(
    choice('step', 'epoch'),
    'step',
    '`step`: a new rate for every step, the cosine follows the warm-up; `epoch`: one for every epoch, the cosine runs under the warm-up.',
    { source: 'facebookresearch/ConvNeXt: utils.py; timm/scheduler/cosine_lr.py' },
  ),
  lag: field(
    integer({ min: 0, max: 1e9 }),
    0,
    "Of `epoch`: epochs by which the schedule is late; DeiT's is 1.",
    {
      unit: 'epochs',
      source: 'facebookresearch/deit: main.py',
    },
  ),
});

const checkpoint = group('What is kept of a run.', {
  everyEpochs: field(count, 1, 'Epochs between checkpoints.', { unit: 'epochs', cosmetic: true }),
  everySteps: field(orNull(count), null, 'Steps between checkpoints, besides.', {
    unit: 'steps',
    cosmetic: true,
  }),
  keep: field(count, 2, 'Newest checkpoints that are kept.', { cosmetic: true }),
  best: field(boolean, true, 'Keep the checkpoint of the best accuracy besides.', { cosmetic: true }),
});

export const recipeSchema = group('A training run.', {
  name: field(folderName, '', "The recipe's name; the file's name unless given.", { cosmetic: true }),
  description: field(text, '', 'One line for the list of recipes.', { cosmetic: true }),
  seed: field(integer({ min: 0, max: 2 ** 53 - 1 }), 0, 'Of everything random.'),
  model,
  data,
  augment,
  evaluation,
  batch: group(
    'How many images make a step.',
    {
      size: field(batchSize, 128, 'Images of one optimiser step.', { unit: 'images' }),
      micro: field(
        orAuto(batchSize),
        'auto',
        'Images of one pass; gradients of several are summed. It decides the statistics of BatchNorm.',
        {
          unit: 'images',
        },
      ),
      shards: field(
        integer({ min: 1, max: 4096 }),
        1,
        'Equal parts of the batch, a power of two; their gradients are summed in a tree. Up to so many processes can share a step, and the bits of the result do not depend on how many do (docs/scaling.md). A mix group and a micro-batch lie within one part.',
      ),
    },
    { shorthand: 'size' },
  ),
  optimizer,
  schedule,
  ema: nullableGroup(
    'A running average of the weights; null for none.',
    {
      decay: field(rate, 0.9999, 'Share of the old average that a step keeps.', {
        source: `${CONVNEXT}, timm ModelEma`,
      }),
      warmup: field(
        boolean,
        false,
        'Step n (from 0) keeps min(decay, (1 + n) / (10 + n)), so that a short run forgets its first weights.',
        { source: 'tf.train.ExponentialMovingAverage, num_updates; timm ModelEmaV3, use_warmup' },
      ),
    },
    { shorthand: 'decay' },
  ),
  loss: group('Cross-entropy.', {
    labelSmoothing: field(rate, 0, 'Share of the target that is spread over all classes.'),
  }),
  distill: nullableGroup(
    'A teacher, whose answers are learnt beside the labels; null for none. It sees the same mixed images, in evaluation mode, and never changes.',
    {
      teacher: required(
        text,
        "The teacher's weights: a file (safetensors, .pth, .npz) or a run folder, by its path from the current folder, or published ones by name (`resnet50@a1`). Its model is the run's, or recognised by the file and what it says (docs/weights.md).",
      ),
      entry: field(orNull(text), null, 'Which set of weights, where the file holds several.'),
      kind: field(
        choice('soft', 'hard'),
        'soft',
        "`soft`: divergence from the teacher's probabilities; `hard`: cross-entropy with the teacher's class.",
        { source: 'facebookresearch/deit: losses.py' },
      ),
      alpha: field(probability, 0.5, "Share of the teacher's term in the loss.", {
        source: 'facebookresearch/deit: main.py',
      }),
      temperature: field(positive, 1, 'Of `soft`: what logits are divided by.', {
        source: 'facebookresearch/deit: main.py',
      }),
    },
    { shorthand: 'teacher' },
  ),
  adversarial: nullableGroup(
    'Training on adversarial images (PGD, l∞); null for none. Each image is changed after augmentation and mixing so that the cross-entropy with its targets rises. The model is in evaluation mode meanwhile: BatchNorm takes its running statistics and leaves them alone. Every step costs a forward pass and a backward pass without weight gradients; a teacher sees the changed images.',
    {
      eps: required(positive, 'Largest change of a pixel value in [0, 1]; 8/255 is 0.0314.'),
      steps: field(
        integer({ min: 1, max: 1000 }),
        1,
        'Gradient steps. 1 with a random start is fast adversarial training.',
        { source: 'Madry et al. 2018; 1: Wong et al. 2020' },
      ),
      stepSize: field(
        orNull(positive),
        null,
        'Change of a pixel value in one step; null: 2.5 · eps / steps, and 1.25 · eps for one step.',
        { source: 'Madry et al. 2018; Wong et al. 2020' },
      ),
      randomStart: field(
        boolean,
        true,
        'Begin at a random place within eps, which depends on the seed and the number of the image in the run alone.',
      ),
    },
    { shorthand: 'eps' },
  ),
  precision: field(
    choice('f32', 'f16'),
    'f32',
    '`f16` stores activations and their gradients in 16 bits, with dynamic loss scaling; weights, sums, norms and the optimiser stay f32. The adapter needs `shader-f16`.',
  ),
  recompute: field(
    choice('none', 'cheap', 'blocks'),
    'none',
    '`cheap` computes LayerNorm and GELU again in the backward pass instead of keeping their outputs; `blocks` keeps only the inputs of blocks: less memory, more time.',
    {
      cosmetic: true,
    },
  ),
  checkpoint,
  init: group(
    'Where the first weights come from.',
    {
      file: field(
        orNull(text),
        null,
        'A file of weights (safetensors, .pth, .npz) or a run folder, by its path from the current folder, or published weights by name (`convnext-t@official`); null starts from random ones.',
      ),
      entry: field(
        orNull(text),
        null,
        'Which set of weights, where the file holds several (`model`, `model_ema`, …); `largekernel inspect` lists them.',
      ),
      dropHead: field(boolean, false, 'Leave out the classifier of the file, for other classes.'),
    },
    { shorthand: 'file' },
  ),
});

type Common = Infer<typeof recipeSchema>;

/** A recipe with every value filled in. Frozen. */
export interface Recipe extends Omit<Common, 'model'> {
  /** With the options of its family. */
  readonly model: Common['model'] & Readonly<Record<string, unknown>>;
}
