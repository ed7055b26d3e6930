import * as tf from '@tensorflow/tfjs';
import { VIT, type VitStep } from '../cases.ts';
import { attention, gelu, layerNorm, linear, type Lookup } from './tfjs.ts';

/** Logits of DeiT-S out of tfjs's own ops. Tokens are rows (images · tokens, dim). */
export function vit(x: tf.Tensor4D, p: Lookup, c: VitStep): tf.Tensor2D {
  const { patch, dim, depth, heads } = VIT;
  const tokens = (c.size / patch) ** 2 + 1;
  const norm = (y: tf.Tensor2D, name: string) =>
    layerNorm(y, p(`${name}.weight`), p(`${name}.bias`)) as tf.Tensor2D;
  const patches = tf
    .conv2d(x, p('patch_embed.proj.weight') as tf.Tensor4D, patch, 'valid')
    .add(p('patch_embed.proj.bias'))
    .reshape<tf.Tensor3D>([c.batch, tokens - 1, dim]);
  const first = tf.tile(p('cls_token') as tf.Tensor3D, [c.batch, 1, 1]);
  let rows = tf.concat([first, patches], 1).add(p('pos_embed')).reshape<tf.Tensor2D>([-1, dim]);
  for (let b = 0; b < depth; b++) {
    const name = `blocks.${b}`;
    const qkv = linear(norm(rows, `${name}.norm1`), p, `${name}.attn.qkv`);
    const mixed = attention(qkv, { tokens, heads, size: dim / heads }) as tf.Tensor2D;
    rows = rows.add(linear(mixed, p, `${name}.attn.proj`));
    const inner = gelu(linear(norm(rows, `${name}.norm2`), p, `${name}.mlp.fc1`));
    rows = rows.add(linear(inner, p, `${name}.mlp.fc2`));
  }
  const all = rows.reshape<tf.Tensor3D>([c.batch, tokens, dim]);
  const chosen = all.slice([0, 0, 0], [c.batch, 1, dim]).reshape<tf.Tensor2D>([c.batch, dim]);
  return linear(norm(chosen, 'norm'), p, 'head');
}
