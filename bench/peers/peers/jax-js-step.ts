import { jit, nn, numpy as np, tree, valueAndGrad, type Array as JaxArray } from '@jax-js/jax';
import { defined } from '../../../src/util/errors.ts';
import { ADAM, stepParameters, type StepCase } from '../cases.ts';
import { preparedSteps, tensor, type Data, type Prepared } from '../peer.ts';
import { array, finish, type Parameters } from './jax-js.ts';
import { convnext } from './jax-js-convnext.ts';
import { vit } from './jax-js-vit.ts';

/** A model out of jax-js's own functions, forward, gradient and AdamW under one `jit`. */
export function prepareStep(c: StepCase, data: Data): Prepared {
  const make = (fill: (name: string, elements: number) => Float32Array): Parameters =>
    Object.fromEntries(
      stepParameters(c).map(({ name, shape }) => {
        const elements = shape.reduce((a, b) => a * b, 1);
        return [name, array(fill(name, elements), shape)];
      }),
    );
  let parameters = make((name) => tensor(data, name));
  let [first, second] = [0, 1].map(() => make((_, elements) => new Float32Array(elements))) as [
    Parameters,
    Parameters,
  ];
  const model = (x: JaxArray, p: Parameters) => (c.model === 'convnext-t' ? convnext(x, p) : vit(x, p, c));
  const train = jit(trainingStep(model));
  let number = 0;
  const step = async (): Promise<number> => {
    number++;
    const x = array(tensor(data, 'x'), [c.batch, 3, c.size, c.size]);
    const targets = array(tensor(data, 'targets'), [c.batch, c.classes]);
    const corrections = [ADAM.beta1, ADAM.beta2].map((beta) => np.array(1 / (1 - beta ** number)));
    const result = train(parameters, first, second, x, targets, ...(corrections as [JaxArray, JaxArray]));
    const loss = result[0];
    [parameters, first, second] = result.slice(1) as [Parameters, Parameters, Parameters];
    await finish([loss.ref, ...tree.leaves(parameters), ...tree.leaves(first), ...tree.leaves(second)]);
    const [value = NaN] = await loss.data();
    return value;
  };
  return preparedSteps(c, data, {
    step,
    async weights() {
      const read = Object.entries(parameters).map(
        async ([name, value]) => [name, (await value.ref.data()) as Float32Array] as const,
      );
      return new Map(await Promise.all(read));
    },
    dispose() {
      tree.dispose([parameters, first, second]);
    },
  });
}

type Model = (x: JaxArray, p: Parameters) => JaxArray;

/** [loss, parameters, first moments, second moments] after a step. Arrays are consumed by use; `ref` keeps one for the next. */
const trainingStep =
  (model: Model) =>
  (
    parameters: Parameters,
    first: Parameters,
    second: Parameters,
    x: JaxArray,
    targets: JaxArray,
    correction1: JaxArray,
    correction2: JaxArray,
  ): [JaxArray, Parameters, Parameters, Parameters] => {
    const lossOf = (p: Parameters): JaxArray =>
      nn.logSoftmax(model(x, p), -1).mul(targets).sum(-1).mean().mul(-1);
    const [loss, gradient] = valueAndGrad(lossOf)(tree.ref(parameters)) as [JaxArray, Parameters];
    const [p, m, v]: [Parameters, Parameters, Parameters] = [{}, {}, {}];
    for (const [name, g] of Object.entries(gradient)) {
      const m1 = defined(first[name], name)
        .mul(ADAM.beta1)
        .add(g.ref.mul(1 - ADAM.beta1));
      const v1 = defined(second[name], name)
        .mul(ADAM.beta2)
        .add(g.ref.mul(g).mul(1 - ADAM.beta2));
      const root = np.sqrt(v1.ref.mul(correction2.ref)).add(ADAM.eps);
      p[name] = defined(parameters[name], name).sub(m1.ref.mul(correction1.ref).div(root).mul(ADAM.lr));
      m[name] = m1;
      v[name] = v1;
    }
    correction1.dispose();
    correction2.dispose();
    return [loss, p, m, v];
  };
