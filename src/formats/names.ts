/**
 * One model, many naming schemes. Our models carry the names of the papers' own PyTorch code; this file maps timm's,
 * torchvision's and the JAX archives' names onto them, and ConvNeXt's back to timm's. BiT has timm's names, whose official ones are mapped
 * both ways. Sources: huggingface/pytorch-image-models
 * (timm/models/convnext.py: checkpoint_filter_fn, resnetv2.py), pytorch/vision (convnext.py), google-research/big_transfer,
 * google-research/vision_transformer. ResNet, RepLKNet, DeiT, DINO, SLaK and Robust-ResNet have the same names everywhere.
 */
import { FrameworkError } from '../util/errors.ts';
import { BIT_TO_OFFICIAL, CONVNEXT_TO_TIMM, RULES, type Rule } from './name-rules.ts';
import { permuteBytes } from './strides.ts';
import type { TensorFile } from './tensor-file.ts';
import { unknownTensor } from './tensor-file.ts';

export type Naming =
  'official' | 'convnext-timm' | 'convnext-torchvision' | 'bit-npz' | 'bit-official' | 'vit-npz';

/** Shapes of tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** How a renamed tensor is made: every source is reshaped to `view`, transposed by `axes`, and concatenated along the first axis. */
export interface Origin {
  readonly sources: readonly string[];
  readonly view: readonly number[];
  /** axis d of the result is axis axes[d] of the view; nothing to transpose without it */
  readonly axes?: readonly number[];
  readonly shape: readonly number[];
}

export type Renaming = ReadonlyMap<string, Origin>;

/** Two entries that tell each layout of names; `official` is that of several families. */
const LAYOUTS: readonly (readonly [Naming, string, string])[] = [
  ['convnext-torchvision', 'features.0.0.weight', 'features.1.0.block.0.weight'],
  ['convnext-timm', 'stem.0.weight', 'stages.0.blocks.0.conv_dw.weight'],
  ['bit-npz', 'resnet/root_block/standardized_conv2d/kernel', 'resnet/root_block/standardized_conv2d/kernel'],
  ['bit-official', 'root.conv.weight', 'body.block1.unit01.conv1.weight'],
  ['vit-npz', 'Transformer/encoder_norm/scale', 'Transformer/encoder_norm/scale'],
  ['official', 'conv1.weight', 'layer1.0.conv1.weight'],
  ['official', 'downsample_layers.0.0.weight', 'stages.0.0.norm.weight'],
  ['official', 'stem.0.conv.weight', 'stages.0.blocks.0.prelkb_bn.weight'],
  ['official', 'stem.conv.weight', 'stages.0.blocks.0.norm1.weight'],
  ['official', 'stem.weight', 'stages.0.blocks.0.conv_dw.weight'],
  ['official', 'patch_embed.proj.weight', 'blocks.0.norm1.weight'],
];

/** Which naming a file has; `official` for everything that needs no renaming. */
export function detectNaming(names: Iterable<string>): Naming {
  const has = new Set(names);
  return LAYOUTS.find(([, first, second]) => has.has(first) && has.has(second))?.[0] ?? 'official';
}

/** What stands before the names of a known layout, for each time one begins: `` where they are bare, `module.model.`, … */
export function layoutPrefixes(names: Iterable<string>): string[] {
  const has = new Set(names);
  const found = new Set<string>();
  for (const name of has)
    for (const [, first, second] of LAYOUTS) {
      if (!name.endsWith(first)) continue;
      const prefix = name.slice(0, -first.length);
      if ((prefix === '' || prefix.endsWith('.')) && has.has(`${prefix}${second}`)) found.add(prefix);
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
  return rename(shapes, RULES[naming], naming === 'bit-npz' ? fromHwio : flattenUnits);
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

type Reshape = (
  name: string,
  shape: readonly number[],
) => Omit<Origin, 'sources' | 'view'> & { view?: readonly number[] };

function rename(shapes: Shapes, rules: readonly Rule[], reshape: Reshape): Renaming {
  const renamed = new Map<string, Origin>();
  for (const [source, sourceShape] of shapes) {
    let name = source;
    // Both kinds of replacement are valid; the signatures of `replace` do not take their union.
    for (const [from, to] of rules)
      name = typeof to === 'string' ? name.replace(from, to) : name.replace(from, to);
    const { axes, shape, view } = reshape(name, sourceShape);
    add(renamed, name, {
      sources: [source],
      view: view ?? sourceShape,
      shape,
      ...(axes === undefined ? {} : { axes }),
    });
  }
  return renamed;
}

function add(renamed: Map<string, Origin>, name: string, origin: Origin): void {
  const other = renamed.get(name);
  if (other !== undefined)
    throw new FrameworkError(
      'formats/name-clash',
      `${origin.sources.join(', ')} and ${other.sources.join(', ')} would both be named ${name}`,
    );
  renamed.set(name, origin);
}

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

const FLAX_VIT: readonly Rule[] = [
  [/^cls$/, 'cls_token'],
  [/^Transformer\/posembed_input\/pos_embedding$/, 'pos_embed'],
  [/^embedding\//, 'patch_embed.proj.'],
  [/^Transformer\/encoder_norm\//, 'norm.'],
  [/^Transformer\/encoderblock_(\d+)\//, 'blocks.$1.'],
  [/LayerNorm_0\//, 'norm1.'],
  [/LayerNorm_2\//, 'norm2.'],
  [/MultiHeadDotProductAttention_1\/out\//, 'attn.proj.'],
  [/MlpBlock_3\/Dense_0\//, 'mlp.fc1.'],
  [/MlpBlock_3\/Dense_1\//, 'mlp.fc2.'],
  [/^head\//, 'head.'],
  [/^pre_logits\//, 'pre_logits.fc.'],
  [/\.(kernel|scale)$/, '.weight'],
];

function fromFlaxVit(shapes: Shapes): Renaming {
  const attention =
    /^Transformer\/encoderblock_(\d+)\/MultiHeadDotProductAttention_1\/(query|key|value)\/(kernel|bias)$/;
  const rest = new Map([...shapes].filter(([name]) => !attention.test(name)));
  const renamed = new Map(
    rename(rest, FLAX_VIT, (name, shape) => {
      if (name === 'patch_embed.proj.weight') return fromHwio(name, shape);
      if (!name.endsWith('.weight') || shape.length < 2) return { shape };
      const outputs = shape.at(-1) as number;
      const inputs = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
      return { view: [inputs, outputs], axes: [1, 0], shape: [outputs, inputs] };
    }),
  );
  for (const source of shapes.keys()) {
    const [, block, role, part] = attention.exec(source) ?? [];
    if (role === 'query' && block !== undefined && part !== undefined)
      joinAttention(shapes, renamed, block, part);
  }
  return renamed;
}

/** query, key and value, (D, heads, width) each, become the rows of one (3·heads·width, D) weight. */
function joinAttention(shapes: Shapes, renamed: Map<string, Origin>, block: string, part: string): void {
  const sources = ['query', 'key', 'value'].map(
    (role) => `Transformer/encoderblock_${block}/MultiHeadDotProductAttention_1/${role}/${part}`,
  );
  const shape = shapes.get(sources[0] as string) ?? [];
  for (const source of sources)
    if (shapes.get(source)?.join() !== shape.join())
      throw new FrameworkError(
        'formats/name-clash',
        `${source} is missing or has another shape than its fellows`,
      );
  const rows = (part === 'kernel' ? shape.slice(1) : shape).reduce((product, dim) => product * dim, 1);
  const columns = shape[0] as number;
  if (part === 'bias')
    add(renamed, `blocks.${block}.attn.qkv.bias`, { sources, view: [rows], shape: [3 * rows] });
  else
    add(renamed, `blocks.${block}.attn.qkv.weight`, {
      sources,
      view: [columns, rows],
      axes: [1, 0],
      shape: [3 * rows, columns],
    });
}

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
  return renamedFile(file, toOfficial(new Map(names.map((name) => [name, file.info(name).shape]))));
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
