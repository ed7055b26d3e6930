import { jit, lax, nn, numpy as np, tree, valueAndGrad, type Array as JaxArray } from '@jax-js/jax';
import { defined } from '../../../src/util/errors.ts';
import { ADAM, stepParameters, type StepCase } from '../cases.ts';
import { preparedSteps, tensor, type Data, type Prepared } from '../peer.ts';
import { array, finish, layerNorm } from './jax-js.ts';

const BLOCKS = [3, 3, 9, 3];

/** By PyTorch's names. */
type Parameters = Record<string, JaxArray>;

/** ConvNeXt-T out of jax-js's own functions, forward, gradient and AdamW under one `jit`. */
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
  const step = jit(trainingStep);
  let number = 0;
  const run = async (): Promise<number> => {
    number++;
    const x = array(tensor(data, 'x'), [c.batch, 3, c.size, c.size]);
    const targets = array(tensor(data, 'targets'), [c.batch, c.classes]);
    const corrections = [ADAM.beta1, ADAM.beta2].map((beta) => np.array(1 / (1 - beta ** number)));
    const result = step(parameters, first, second, x, targets, ...(corrections as [JaxArray, JaxArray]));
    const loss = result[0];
    [parameters, first, second] = result.slice(1) as [Parameters, Parameters, Parameters];
    await finish([loss.ref, ...tree.leaves(parameters), ...tree.leaves(first), ...tree.leaves(second)]);
    const [value = NaN] = await loss.data();
    return value;
  };
  return preparedSteps(run, () => {
    tree.dispose([parameters, first, second]);
  });
}

/** [loss, parameters, first moments, second moments] after a step. Arrays are consumed by use; `ref` keeps one for the next. */
function trainingStep(
  parameters: Parameters,
  first: Parameters,
  second: Parameters,
  x: JaxArray,
  targets: JaxArray,
  correction1: JaxArray,
  correction2: JaxArray,
): [JaxArray, Parameters, Parameters, Parameters] {
  const lossOf = (p: Parameters): JaxArray =>
    nn.logSoftmax(convnext(x, p), -1).mul(targets).sum(-1).mean().mul(-1);
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
}

function convnext(x: JaxArray, p: Parameters): JaxArray {
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
  const linear = (y: JaxArray, name: string) =>
    np.matmul(y, get(`${name}.weight`).transpose()).add(get(`${name}.bias`));
  BLOCKS.forEach((blocks, stage) => {
    const down = `downsample_layers.${stage}`;
    x = stage === 0 ? norm(conv(x, `${down}.0`, 4), `${down}.1`) : conv(norm(x, `${down}.0`), `${down}.1`, 2);
    for (let b = 0; b < blocks; b++) {
      const name = `stages.${stage}.${b}`;
      const rows = rowsNorm(toRows(conv(x.ref, `${name}.dwconv`, 1, x.shape[1])), `${name}.norm`);
      const inner = nn.gelu(linear(rows, `${name}.pwconv1`), { approximate: false });
      x = x.add(toMaps(linear(inner, `${name}.pwconv2`).mul(get(`${name}.gamma`))));
    }
  });
  return linear(rowsNorm(x.mean([2, 3]), 'norm'), 'head');
}
