import * as tf from '@tensorflow/tfjs';
import { ADAM, stepParameters, type StepCase } from '../cases.ts';
import { preparedSteps, tensor, transpose, type Data, type Prepared } from '../peer.ts';
import { finish, layerNorm } from './tfjs.ts';

const BLOCKS = [3, 3, 9, 3];

/** Axes of a parameter on its way to tfjs: dense kernels (o, i, h, w) → HWIO, depthwise kernels (c, 1, h, w) → HWC1. */
function axesOf(name: string, rank: number): readonly number[] | undefined {
  if (rank !== 4) return undefined;
  return name.includes('dwconv') ? [2, 3, 0, 1] : [2, 3, 1, 0];
}

/** ConvNeXt-T out of tfjs's own ops, trained by its own gradients and its Adam. */
export function prepareStep(c: StepCase, data: Data): Prepared {
  const variables = new Map<string, tf.Variable>();
  for (const { name, shape } of stepParameters(c)) {
    const axes = axesOf(name, shape.length);
    const values = tensor(data, name);
    const initial =
      axes === undefined
        ? tf.tensor(values, [...shape])
        : tf.tensor(
            transpose(values, shape, axes),
            axes.map((axis) => shape[axis] ?? 1),
          );
    variables.set(name, tf.variable(initial, true));
  }
  const images = transpose(tensor(data, 'x'), [c.batch, 3, c.size, c.size], [0, 2, 3, 1]);
  const optimizer = tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
  const step = async (): Promise<number> => {
    const x = tf.tensor4d(images, [c.batch, c.size, c.size, 3]);
    const targets = tf.tensor2d(tensor(data, 'targets'), [c.batch, c.classes]);
    const loss = optimizer.minimize(
      () => {
        const logits = convnext(x, (name) => variables.get(name) as tf.Variable);
        return tf.losses.softmaxCrossEntropy(targets, logits);
      },
      true,
      [...variables.values()],
    ) as tf.Scalar;
    await finish();
    const [value = NaN] = await loss.data();
    tf.dispose([x, targets, loss]);
    return value;
  };
  return preparedSteps(step, () => {
    tf.dispose([...variables.values()]);
    optimizer.dispose();
  });
}

function convnext(x: tf.Tensor4D, p: (name: string) => tf.Tensor): tf.Tensor2D {
  const norm = (y: tf.Tensor, name: string) =>
    layerNorm(y, p(`${name}.weight`), p(`${name}.bias`)) as tf.Tensor4D;
  const dense = (y: tf.Tensor4D, name: string, stride: number) =>
    tf.conv2d(y, p(`${name}.weight`) as tf.Tensor4D, stride, 'valid').add<tf.Tensor4D>(p(`${name}.bias`));
  const linear = (y: tf.Tensor2D, name: string) =>
    tf.matMul(y, p(`${name}.weight`), false, true).add<tf.Tensor2D>(p(`${name}.bias`));
  const gelu = (y: tf.Tensor2D) => y.mul(0.5).mul<tf.Tensor2D>(y.mul(Math.SQRT1_2).erf().add(1));
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
      const inner = gelu(linear(rows, `${name}.pwconv1`));
      const y = linear(inner, `${name}.pwconv2`).mul(p(`${name}.gamma`));
      x = x.add(y.reshape(x.shape));
    }
  });
  return linear(norm(x.mean([1, 2]), 'norm') as tf.Tensor as tf.Tensor2D, 'head');
}
