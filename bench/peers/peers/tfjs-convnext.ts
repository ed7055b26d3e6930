import * as tf from '@tensorflow/tfjs';
import { gelu, layerNorm, linear, type Lookup } from './tfjs.ts';

const BLOCKS = [3, 3, 9, 3];

/** Logits of ConvNeXt-T out of tfjs's own ops. */
export function convnext(x: tf.Tensor4D, p: Lookup): tf.Tensor2D {
  const norm = (y: tf.Tensor, name: string) =>
    layerNorm(y, p(`${name}.weight`), p(`${name}.bias`)) as tf.Tensor4D;
  const dense = (y: tf.Tensor4D, name: string, stride: number) =>
    tf.conv2d(y, p(`${name}.weight`) as tf.Tensor4D, stride, 'valid').add<tf.Tensor4D>(p(`${name}.bias`));
  BLOCKS.forEach((blocks, stage) => {
    const down = `downsample_layers.${stage}`;
    x =
      stage === 0 ? norm(dense(x, `${down}.0`, 4), `${down}.1`) : dense(norm(x, `${down}.0`), `${down}.1`, 2);
    for (let b = 0; b < blocks; b++) {
      const name = `stages.${stage}.${b}`;
      const channels = x.shape[3];
      const maps = tf
        .depthwiseConv2d(x, p(`${name}.dwconv.weight`) as tf.Tensor4D, 1, 'same')
        .add<tf.Tensor4D>(p(`${name}.dwconv.bias`));
      const rows = norm(maps, `${name}.norm`).reshape<tf.Tensor2D>([-1, channels]);
      const inner = gelu(linear(rows, p, `${name}.pwconv1`));
      const y = linear(inner, p, `${name}.pwconv2`).mul(p(`${name}.gamma`));
      x = x.add(y.reshape(x.shape));
    }
  });
  return linear(norm(x.mean([1, 2]), 'norm') as tf.Tensor as tf.Tensor2D, p, 'head');
}
