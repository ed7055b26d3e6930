/**
 * Vision transformers under other names than timm's, to timm's and back. Sources: google-research/vision_transformer
 * (vit_jax/models_vit.py), pytorch/vision (vision_transformer.py), huggingface/transformers (models/vit/modeling_vit.py).
 */
import { FrameworkError } from '../util/errors.ts';
import { addOrigin, rename, type Renaming, type Rule, type Shapes } from './renaming.ts';

const FLAX: readonly Rule[] = [
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

/** google-research/vision_transformer's .npz: kernels are transposed, query, key and value apart. */
export function fromFlaxVit(shapes: Shapes): Renaming {
  const attention =
    /^Transformer\/encoderblock_(\d+)\/MultiHeadDotProductAttention_1\/(query|key|value)\/(kernel|bias)$/;
  const rest = new Map([...shapes].filter(([name]) => !attention.test(name)));
  const renamed = new Map(
    rename(rest, FLAX, (name, shape) => {
      if (name === 'patch_embed.proj.weight' && shape.length === 4) {
        const [h = 0, w = 0, i = 0, o = 0] = shape;
        return { axes: [3, 2, 0, 1], shape: [o, i, h, w] };
      }
      if (!name.endsWith('.weight') || shape.length < 2) return { shape };
      const outputs = shape.at(-1) as number;
      const inputs = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
      return { view: [inputs, outputs], axes: [1, 0], shape: [outputs, inputs] };
    }),
  );
  for (const source of shapes.keys()) {
    const [, block, role, part] = attention.exec(source) ?? [];
    if (role !== 'query' || block === undefined || part === undefined) continue;
    const prefix = `Transformer/encoderblock_${block}/MultiHeadDotProductAttention_1`;
    const sources = ROLES.map((each) => `${prefix}/${each}/${part}`);
    const shape = commonShape(shapes, sources);
    // A kernel is (D, heads, width), a bias (heads, width).
    const rows = (part === 'kernel' ? shape.slice(1) : shape).reduce((product, dim) => product * dim, 1);
    const columns = shape[0] as number;
    if (part === 'bias')
      addOrigin(renamed, `blocks.${block}.attn.qkv.bias`, { sources, view: [rows], shape: [3 * rows] });
    else
      addOrigin(renamed, `blocks.${block}.attn.qkv.weight`, {
        sources,
        view: [columns, rows],
        axes: [1, 0],
        shape: [3 * rows, columns],
      });
  }
  return renamed;
}

/** Heads of each attention of a Flax archive, whose kernels are (D, heads, width); undefined for other files. */
export function flaxHeads(shapes: Shapes): number | undefined {
  const kernel = shapes.get('Transformer/encoderblock_0/MultiHeadDotProductAttention_1/query/kernel');
  return kernel?.length === 3 ? kernel[1] : undefined;
}

const ROLES = ['query', 'key', 'value'] as const;

/** The shape that query, key and value share. */
function commonShape(shapes: Shapes, sources: readonly string[]): readonly number[] {
  const [first = '', ...fellows] = sources;
  const show = (extents: readonly number[]) => `(${extents.join(', ')})`;
  const shape = shapes.get(first) ?? [];
  for (const fellow of fellows) {
    const other = shapes.get(fellow);
    if (other?.join() === shape.join()) continue;
    throw new FrameworkError(
      'formats/name-clash',
      `${first} is ${show(shape)}, but ${fellow} is ${other === undefined ? 'missing' : show(other)}: query, key and value of an attention have one shape`,
      { hint: 'The file is incomplete, or was changed; take its maker’s, or write it again.' },
    );
  }
  return shape;
}

/** Before torchvision 0.13 MLPs were `linear_1` and `linear_2`, as its files still have them. */
const FROM_TORCHVISION: readonly Rule[] = [
  [/^class_token$/, 'cls_token'],
  [/^encoder\.pos_embedding$/, 'pos_embed'],
  [/^conv_proj\./, 'patch_embed.proj.'],
  [/^encoder\.layers\.encoder_layer_(\d+)\./, 'blocks.$1.'],
  [/\.ln_([12])\./, '.norm$1.'],
  [/\.self_attention\.in_proj_/, '.attn.qkv.'],
  [/\.self_attention\.out_proj\./, '.attn.proj.'],
  [/\.mlp\.(?:0|linear_1)\./, '.mlp.fc1.'],
  [/\.mlp\.(?:3|linear_2)\./, '.mlp.fc2.'],
  [/^encoder\.ln\./, 'norm.'],
  [/^heads\.head\./, 'head.'],
  [/^heads\.pre_logits\./, 'pre_logits.fc.'],
];

const TO_TORCHVISION: readonly Rule[] = [
  [/^cls_token$/, 'class_token'],
  [/^pos_embed$/, 'encoder.pos_embedding'],
  [/^patch_embed\.proj\./, 'conv_proj.'],
  [/^norm\./, 'encoder.ln.'],
  [/^head\./, 'heads.head.'],
  [/^blocks\.(\d+)\./, 'encoder.layers.encoder_layer_$1.'],
  [/\.norm([12])\./, '.ln_$1.'],
  [/\.attn\.qkv\./, '.self_attention.in_proj_'],
  [/\.attn\.proj\./, '.self_attention.out_proj.'],
  [/\.mlp\.fc1\./, '.mlp.0.'],
  [/\.mlp\.fc2\./, '.mlp.3.'],
];

export function fromTorchvisionVit(shapes: Shapes): Renaming {
  return rename(shapes, FROM_TORCHVISION, (_, shape) => ({ shape }));
}

export function toTorchvisionVit(shapes: Shapes): Renaming {
  return rename(shapes, TO_TORCHVISION, (_, shape) => ({ shape }));
}

const FROM_HUGGINGFACE: readonly Rule[] = [
  [/^vit\./, ''],
  [/^embeddings\.cls_token$/, 'cls_token'],
  [/^embeddings\.position_embeddings$/, 'pos_embed'],
  [/^embeddings\.patch_embeddings\.projection\./, 'patch_embed.proj.'],
  [/^encoder\.layer\.(\d+)\./, 'blocks.$1.'],
  [/\.layernorm_before\./, '.norm1.'],
  [/\.layernorm_after\./, '.norm2.'],
  [/\.attention\.output\.dense\./, '.attn.proj.'],
  [/\.intermediate\.dense\./, '.mlp.fc1.'],
  [/\.output\.dense\./, '.mlp.fc2.'],
  [/^layernorm\./, 'norm.'],
  [/^classifier\./, 'head.'],
];

const TO_HUGGINGFACE: readonly Rule[] = [
  [/^cls_token$/, 'embeddings.cls_token'],
  [/^pos_embed$/, 'embeddings.position_embeddings'],
  [/^patch_embed\.proj\./, 'embeddings.patch_embeddings.projection.'],
  [/^norm\./, 'layernorm.'],
  [/^head\./, 'classifier.'],
  [/^blocks\.(\d+)\./, 'encoder.layer.$1.'],
  [/\.norm1\./, '.layernorm_before.'],
  [/\.norm2\./, '.layernorm_after.'],
  [/\.attn\.proj\./, '.attention.output.dense.'],
  [/\.mlp\.fc1\./, '.intermediate.dense.'],
  [/\.mlp\.fc2\./, '.output.dense.'],
];

/** ViTForImageClassification, or ViTModel, whose names lack `vit.`: query, key and value apart. */
export function fromHuggingfaceVit(shapes: Shapes): Renaming {
  const attention =
    /^((?:vit\.)?encoder\.layer\.(\d+)\.attention\.attention)\.(query|key|value)\.(weight|bias)$/;
  const rest = new Map([...shapes].filter(([name]) => !attention.test(name)));
  const renamed = new Map(rename(rest, FROM_HUGGINGFACE, (_, shape) => ({ shape })));
  for (const source of shapes.keys()) {
    const [, module, block, role, part] = attention.exec(source) ?? [];
    if (role !== 'query' || module === undefined || block === undefined || part === undefined) continue;
    const sources = ROLES.map((each) => `${module}.${each}.${part}`);
    const view = commonShape(shapes, sources);
    const [rows = 0, ...columns] = view;
    const shape = [3 * rows, ...columns];
    addOrigin(renamed, `blocks.${block}.attn.qkv.${part}`, { sources, view, shape });
  }
  return renamed;
}

export function toHuggingfaceVit(shapes: Shapes): Renaming {
  const joint = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/;
  const rest = new Map([...shapes].filter(([name]) => !joint.test(name)));
  // A model without a classifier is a ViTModel.
  const prefix = shapes.has('head.weight') ? 'vit.' : '';
  const named = new Map(
    [...rename(rest, TO_HUGGINGFACE, (_, shape) => ({ shape }))].map(([name, origin]) => [
      name.startsWith('classifier.') ? name : `${prefix}${name}`,
      origin,
    ]),
  );
  for (const [source, view] of shapes) {
    const [, block, part] = joint.exec(source) ?? [];
    if (block === undefined || part === undefined) continue;
    const [rows = 0, ...columns] = view;
    ROLES.forEach((role, index) => {
      addOrigin(named, `${prefix}encoder.layer.${block}.attention.attention.${role}.${part}`, {
        sources: [source],
        view,
        third: index,
        shape: [rows / 3, ...columns],
      });
    });
  }
  return named;
}
