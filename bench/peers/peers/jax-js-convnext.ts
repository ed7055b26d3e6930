import { lax, nn, type Array as JaxArray } from '@jax-js/jax';
import { defined } from '../../../src/util/errors.ts';
import { layerNorm, linear, type Parameters } from './jax-js.ts';

const BLOCKS = [3, 3, 9, 3];

/** Logits of ConvNeXt-T out of jax-js's own functions. */
export function convnext(x: JaxArray, p: Parameters): JaxArray {
  const get = (name: string): JaxArray => defined(p[name], name);
  const rowsNorm = (y: JaxArray, name: string) => layerNorm(y, get(`${name}.weight`), get(`${name}.bias`));
  const toRows = (y: JaxArray) => y.transpose([0, 2, 3, 1]);
  const toMaps = (y: JaxArray) => y.transpose([0, 3, 1, 2]);
  const norm = (y: JaxArray, name: string) => toMaps(rowsNorm(toRows(y), name));
  const conv = (y: JaxArray, name: string, stride: number, groups = 1) =>
    lax
      .convGeneralDilated(y, get(`${name}.weight`), [stride, stride], groups === 1 ? 'VALID' : 'SAME', {
        featureGroupCount: groups,
      })
      .add(get(`${name}.bias`).reshape([-1, 1, 1]));
  BLOCKS.forEach((blocks, stage) => {
    const down = `downsample_layers.${stage}`;
    x = stage === 0 ? norm(conv(x, `${down}.0`, 4), `${down}.1`) : conv(norm(x, `${down}.0`), `${down}.1`, 2);
    for (let b = 0; b < blocks; b++) {
      const name = `stages.${stage}.${b}`;
      const rows = rowsNorm(toRows(conv(x.ref, `${name}.dwconv`, 1, x.shape[1])), `${name}.norm`);
      const inner = nn.gelu(linear(rows, p, `${name}.pwconv1`), { approximate: false });
      x = x.add(toMaps(linear(inner, p, `${name}.pwconv2`).mul(get(`${name}.gamma`))));
    }
  });
  return linear(rowsNorm(x.mean([2, 3]), 'norm'), p, 'head');
}
