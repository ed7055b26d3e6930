import { lax, nn, numpy as np, type Array as JaxArray } from '@jax-js/jax';
import { defined } from '../../../src/util/errors.ts';
import { VIT, type VitStep } from '../cases.ts';
import { attention, layerNorm, linear, type Parameters } from './jax-js.ts';

/** Logits of DeiT-S out of jax-js's own functions. Tokens are rows (images · tokens, dim). */
export function vit(x: JaxArray, p: Parameters, c: VitStep): JaxArray {
  const { patch, dim, depth, heads } = VIT;
  const tokens = (c.size / patch) ** 2 + 1;
  const get = (name: string): JaxArray => defined(p[name], name);
  const norm = (y: JaxArray, name: string) => layerNorm(y, get(`${name}.weight`), get(`${name}.bias`));
  const patches = lax
    .convGeneralDilated(x, get('patch_embed.proj.weight'), [patch, patch], 'VALID')
    .reshape([c.batch, dim, tokens - 1])
    .transpose([0, 2, 1])
    .add(get('patch_embed.proj.bias'));
  const first = np.tile(get('cls_token'), [c.batch, 1, 1]);
  let rows = np.concatenate([first, patches], 1).add(get('pos_embed')).reshape([-1, dim]);
  for (let b = 0; b < depth; b++) {
    const name = `blocks.${b}`;
    const qkv = linear(norm(rows.ref, `${name}.norm1`), p, `${name}.attn.qkv`);
    const mixed = attention(qkv, { tokens, heads, size: dim / heads });
    rows = rows.add(linear(mixed, p, `${name}.attn.proj`));
    const inner = nn.gelu(linear(norm(rows.ref, `${name}.norm2`), p, `${name}.mlp.fc1`), {
      approximate: false,
    });
    rows = rows.add(linear(inner, p, `${name}.mlp.fc2`));
  }
  const chosen = rows.reshape([c.batch, tokens, dim]).slice([], 0);
  return linear(norm(chosen, 'norm'), p, 'head');
}
