import * as tf from '@tensorflow/tfjs';
import { defined } from '../../../src/util/errors.ts';
import { ADAM, stepParameters, type StepCase } from '../cases.ts';
import { preparedSteps, tensor, transpose, type Data, type Prepared } from '../peer.ts';
import { finish } from './tfjs.ts';
import { convnext } from './tfjs-convnext.ts';
import { vit } from './tfjs-vit.ts';

/** Axes of a parameter on its way to tfjs: dense kernels (o, i, h, w) → HWIO, depthwise kernels (c, 1, h, w) → HWC1. */
function axesOf(name: string, rank: number): readonly number[] | undefined {
  if (rank !== 4) return undefined;
  return name.includes('dwconv') ? [2, 3, 0, 1] : [2, 3, 1, 0];
}

/** A model out of tfjs's own ops, trained by its own gradients and its Adam. */
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
        const p = (name: string) => defined(variables.get(name), name);
        const logits = c.model === 'convnext-t' ? convnext(x, p) : vit(x, p, c);
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
  return preparedSteps(c, data, {
    step,
    async weights() {
      const read = [...variables].map(async ([name, variable]) => {
        const values = (await variable.data()) as Float32Array;
        const axes = axesOf(name, variable.rank);
        if (axes === undefined) return [name, values] as const;
        const back = axes.map((_, axis) => axes.indexOf(axis));
        return [name, transpose(values, variable.shape, back)] as const;
      });
      return new Map(await Promise.all(read));
    },
    dispose() {
      tf.dispose([...variables.values()]);
      optimizer.dispose();
    },
  });
}
