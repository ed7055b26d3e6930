/**
 * One model, many naming schemes. Our models carry the names of the papers' own PyTorch code; this file maps timm's,
 * torchvision's, Hugging Face's and the JAX archives' names onto them, and back. BiT has timm's names, whose official ones are mapped
 * both ways. Sources: huggingface/pytorch-image-models
 * (timm/models/convnext.py: checkpoint_filter_fn, resnetv2.py), pytorch/vision (convnext.py), google-research/big_transfer.
 * Vision transformers have timm's names; vit-names.ts maps the others, both ways. ResNet, RepLKNet, DeiT, DINO, SLaK and Robust-ResNet have the same names everywhere.
 */
import {
  BIT_TO_HUGGINGFACE,
  BIT_TO_OFFICIAL,
  CONVNEXT_TO_HUGGINGFACE,
  CONVNEXT_TO_TIMM,
  CONVNEXT_TO_TORCHVISION,
  RESNET_TO_HUGGINGFACE,
  RULES,
} from './name-rules.ts';
import { FrameworkError } from '../util/errors.ts';
import { rename, type Origin, type Renaming, type Reshape, type Shapes } from './renaming.ts';
import { MODEL_SETTINGS } from './model-metadata.ts';
import { permuteBytes } from './strides.ts';
import type { TensorFile } from './tensor-file.ts';
import { unknownTensor } from './tensor-file.ts';
import { flaxHeads, fromFlaxVit, fromHuggingfaceVit, fromTorchvisionVit } from './vit-names.ts';

export type { Origin, Renaming, Shapes };

export type Naming =
  | 'official'
  | 'convnext-timm'
  | 'convnext-torchvision'
  | 'convnext-huggingface'
  | 'resnet-huggingface'
  | 'bit-huggingface'
  | 'bit-npz'
  | 'bit-official'
  | 'vit-npz'
  | 'vit-torchvision'
  | 'vit-huggingface';

/** Two entries that tell each layout of names; `official` is that of several families. */
const LAYOUTS: readonly (readonly [Naming, string, string])[] = [
  ['convnext-torchvision', 'features.0.0.weight', 'features.1.0.block.0.weight'],
  [
    'convnext-huggingface',
    'convnext.embeddings.patch_embeddings.weight',
    'convnext.encoder.stages.0.layers.0.dwconv.weight',
  ],
  [
    'resnet-huggingface',
    'resnet.embedder.embedder.convolution.weight',
    'resnet.encoder.stages.0.layers.0.layer.0.convolution.weight',
  ],
  ['bit-huggingface', 'bit.embedder.convolution.weight', 'bit.encoder.stages.0.layers.0.conv1.weight'],
  ['convnext-timm', 'stem.0.weight', 'stages.0.blocks.0.conv_dw.weight'],
  ['bit-npz', 'resnet/root_block/standardized_conv2d/kernel', 'resnet/root_block/standardized_conv2d/kernel'],
  ['bit-official', 'root.conv.weight', 'body.block1.unit01.conv1.weight'],
  ['vit-npz', 'Transformer/encoder_norm/scale', 'Transformer/encoder_norm/scale'],
  ['vit-torchvision', 'class_token', 'encoder.layers.encoder_layer_0.ln_1.weight'],
  ['vit-huggingface', 'vit.embeddings.cls_token', 'vit.encoder.layer.0.attention.attention.query.weight'],
  ['vit-huggingface', 'embeddings.cls_token', 'encoder.layer.0.attention.attention.query.weight'],
  ['official', 'conv1.weight', 'layer1.0.conv1.weight'],
  ['official', 'downsample_layers.0.0.weight', 'stages.0.0.norm.weight'],
  ['official', 'stem.0.conv.weight', 'stages.0.blocks.0.prelkb_bn.weight'],
  ['official', 'stem.conv.weight', 'stages.0.blocks.0.norm1.weight'],
  ['official', 'stem.weight', 'stages.0.blocks.0.conv_dw.weight'],
  ['official', 'patch_embed.proj.weight', 'blocks.0.norm1.weight'],
];

/** All entries that tell a layout. */
const TELLING: ReadonlySet<string> = new Set(LAYOUTS.flatMap(([, first, second]) => [first, second]));

/** Which naming a file has; `official` for everything that needs no renaming. */
export function detectNaming(names: Iterable<string>): Naming {
  // Only the names that tell are kept: files may have hundreds of thousands.
  const has = new Set<string>();
  for (const name of names) if (TELLING.has(name)) has.add(name);
  return LAYOUTS.find(([, first, second]) => has.has(first) && has.has(second))?.[0] ?? 'official';
}

/** What stands before the names of a known layout, for each time one begins: `` where they are bare, `module.model.`, … */
export function layoutPrefixes(tensors: ReadonlyMap<string, unknown>): string[] {
  const found = new Set<string>();
  for (const name of tensors.keys()) {
    const prefixes = LAYOUTS.filter(([, first]) => name.endsWith(first)).flatMap(([, first, second]) => {
      const prefix = name.slice(0, -first.length);
      const isOne = prefix === '' || prefix.endsWith('.');
      return isOne && tensors.has(`${prefix}${second}`) ? [prefix] : [];
    });
    // If a name begins several layouts, the longest counts: `vit.` belongs to a model's own.
    const [prefix] = prefixes.sort((a, b) => a.length - b.length);
    if (prefix !== undefined) found.add(prefix);
  }
  return [...found];
}

/**
 * The official names of a model's tensors, whatever naming they have.
 * @throws FrameworkError `formats/name-clash` when two tensors would get one name
 */
export function toOfficial(shapes: Shapes): Renaming {
  const naming = detectNaming(shapes.keys());
  if (naming === 'vit-npz') return fromFlaxVit(shapes);
  if (naming === 'vit-torchvision') return fromTorchvisionVit(shapes);
  if (naming === 'vit-huggingface') return fromHuggingfaceVit(shapes);
  const reshape = { 'bit-npz': fromHwio, 'bit-huggingface': fromLinearHead } as const;
  return rename(
    shapes,
    RULES[naming],
    naming in reshape ? reshape[naming as keyof typeof reshape] : flattenUnits,
  );
}

/** timm's names of an official ConvNeXt. `convMlp`: atto to nano, whose linear weights are (o, i, 1, 1) there. */
export function convnextToTimm(shapes: Shapes, options: { convMlp?: boolean } = {}): Renaming {
  return rename(shapes, CONVNEXT_TO_TIMM, (name, shape) =>
    options.convMlp === true && /\.mlp\.fc\d\.weight$/.test(name) ? { shape: [...shape, 1, 1] } : { shape },
  );
}

/** The names of a BiT in google-research/big_transfer: bit_pytorch/models.py. */
export function bitToOfficial(shapes: Shapes): Renaming {
  return rename(shapes, BIT_TO_OFFICIAL, (_, shape) => ({ shape }));
}

/** ConvNeXt as it was published, the only one that torchvision and Hugging Face have. */
function isPublishedForm(shapes: Shapes): boolean {
  const blocks = [...shapes].filter(([name]) => name.endsWith('.dwconv.weight'));
  return (
    blocks.length > 0 &&
    blocks.every(
      ([name, [, , kh, kw]]) => kh === 7 && kw === 7 && shapes.has(name.replace(/dwconv.weight$/, 'gamma')),
    )
  );
}

/**
 * torchvision's names of an official ConvNeXt, whose layer scales are (C, 1, 1) there, or Hugging Face's (ConvNextForImageClassification);
 * or why there are none.
 */
export function convnextToOther(naming: 'torchvision' | 'huggingface', shapes: Shapes): Renaming | string {
  if (!isPublishedForm(shapes)) return 'its ConvNeXt has kernels of 7×7 and layer scale only';
  if (naming === 'huggingface') return rename(shapes, CONVNEXT_TO_HUGGINGFACE, (_, shape) => ({ shape }));
  return rename(shapes, CONVNEXT_TO_TORCHVISION, (name, shape) => ({
    shape: name.endsWith('.layer_scale') ? [...shape, 1, 1] : shape,
  }));
}

/** Hugging Face's names of a ResNet: ResNetForImageClassification. */
export function resnetToHuggingface(shapes: Shapes): Renaming {
  return rename(shapes, RESNET_TO_HUGGINGFACE, (_, shape) => ({ shape }));
}

/** Hugging Face's names of a BiT: BitForImageClassification, whose classifier is a linear layer. */
export function bitToHuggingface(shapes: Shapes): Renaming {
  return rename(shapes, BIT_TO_HUGGINGFACE, (name, shape) => ({
    shape: name === 'classifier.1.weight' ? shape.slice(0, 2) : shape,
  }));
}

/** A linear classifier (o, i) of BiT is a convolution (o, i, 1, 1) with us. */
const fromLinearHead: Reshape = (name, shape) => ({
  shape: name === 'head.fc.weight' && shape.length === 2 ? [...shape, 1, 1] : shape,
});

/** (o, i, 1, 1) linear weights of ConvNeXt become (o, i), and (C, 1, 1) layer scales (C). */
const flattenUnits: Reshape = (name, shape) => ({
  shape: hasUnits(name, shape) ? shape.filter((dim, axis) => axis === 0 || dim !== 1) : shape,
});

function hasUnits(name: string, shape: readonly number[]): boolean {
  return shape.length > 2 && /\.(pwconv\d\.weight|gamma)$|^head\.weight$/.test(name);
}

/** Convolutions of the JAX archives are (h, w, i, o). */
const fromHwio: Reshape = (_, shape) => {
  const [h, w, i, o] = shape;
  return shape.length === 4 ? { axes: [3, 2, 0, 1], shape: [o, i, h, w] as number[] } : { shape };
};

/** `file` under the names of `renaming`; tensors are still read, and now transposed, one at a time. */
export function renamedFile(file: TensorFile, renaming: Renaming): TensorFile {
  const find = (name: string): Origin =>
    renaming.get(name) ?? unknownTensor(file.path, name, renaming.keys());
  const values = async <T extends Float32Array | Float64Array>(
    name: string,
    read: (source: string) => Promise<T>,
  ) => {
    const { sources, view, axes } = find(name);
    const parts: T[] = [];
    for (const source of sources) parts.push(transposed(await read(source), view, axes));
    return parts;
  };
  return {
    ...file,
    names: () => [...renaming.keys()],
    info: (name) => {
      const { sources, shape } = find(name);
      return { dtype: file.info(sources[0] as string).dtype, shape };
    },
    read: async (name) => joined(await values(name, file.read), (n) => new Float32Array(n)),
    readInts: async (name) => joined(await values(name, file.readInts), (n) => new Float64Array(n)),
  };
}

/** `file` under official names; itself where it has them. */
export function officialNames(file: TensorFile): TensorFile {
  const names = file.names();
  const isOfficial = detectNaming(names) === 'official';
  if (isOfficial && !names.some((name) => hasUnits(name, file.info(name).shape))) return file;
  const shapes = new Map(names.map((name) => [name, file.info(name).shape]));
  const renaming = ofFile(file.path, () => toOfficial(shapes));
  const heads = flaxHeads(shapes);
  const metadata = new Map(file.metadata);
  // Official names have no place for them.
  if (heads !== undefined) metadata.set(MODEL_SETTINGS, JSON.stringify([`model.heads=${heads}`]));
  return { ...renamedFile(file, renaming), metadata };
}

/** What `make` gives; its errors name the file. */
function ofFile(path: string, make: () => Renaming): Renaming {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FrameworkError)) throw error;
    throw new FrameworkError(
      error.code,
      `${path}: ${error.message}.`,
      error.hint === undefined ? {} : { hint: error.hint },
    );
  }
}

function transposed<T extends Float32Array | Float64Array>(
  data: T,
  view: readonly number[],
  axes?: readonly number[],
): T {
  if (axes === undefined) return data;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const out = permuteBytes(bytes, view, axes, data.BYTES_PER_ELEMENT);
  const Array = data.constructor as new (buffer: ArrayBufferLike) => T;
  return new Array(out.buffer);
}

function joined<T extends Float32Array | Float64Array>(parts: readonly T[], make: (length: number) => T): T {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const out = make(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
