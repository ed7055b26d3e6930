import { defaultDevice, getWebGPUDevice, init, jit, lax, nn, numpy as np, vjp } from '@jax-js/jax';
import type { Array as JaxArray } from '@jax-js/jax';
import { defined } from '../../../src/util/errors.ts';
import { EPS, outputsOf, type AttentionShape, type Case } from '../cases.ts';
import { drain } from '../navigator.ts';
import { tensor, type Data, type Peer, type Prepared } from '../peer.ts';
import { prepareStep } from './jax-js-step.ts';

/** jax-js: everything under `jit`, gradients by `vjp`. Its arrays are consumed by use; `ref` keeps one for the next. */

/** jax-js maps and filters iterators, which Node can since 22. */
function addIteratorHelpers(): void {
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object;
  if ('map' in iterator) return;
  for (const name of ['map', 'filter'] as const)
    Object.defineProperty(iterator, name, {
      value: function (this: Iterable<unknown>, f: (value: unknown) => unknown) {
        return [...this][name](f).values();
      },
    });
}

export async function open(): Promise<Peer> {
  addIteratorHelpers();
  const found = await init('webgpu');
  if (!found.includes('webgpu')) throw new Error('jax-js found no WebGPU device');
  defaultDevice('webgpu');
  getWebGPUDevice();
  return { runsOn: 'WebGPU', prepare: async (c, data) => prepare(c, data) };
}

export function array(values: Float32Array, shape: readonly number[]): JaxArray {
  return np.array(values as Float32Array<ArrayBuffer>, { shape: [...shape] });
}

/** Dispatches what the results need and waits for it. */
export async function finish(results: readonly JaxArray[]): Promise<void> {
  for (const result of results) await result.blockUntilReady();
  await drain();
}

export function layerNorm(x: JaxArray, weight: JaxArray, bias: JaxArray): JaxArray {
  return nn.standardize(x, -1, { epsilon: EPS }).mul(weight).add(bias);
}

/** A model's parameters, by PyTorch's names. */
export type Parameters = Record<string, JaxArray>;

export function linear(x: JaxArray, p: Parameters, name: string): JaxArray {
  const [weight, bias] = ['weight', 'bias'].map((part) => defined(p[`${name}.${part}`], name));
  return np.matmul(x, (weight as JaxArray).transpose()).add(bias as JaxArray);
}

/** Of one or more images. */
export function attention(x: JaxArray, { tokens, heads, size }: AttentionShape): JaxArray {
  const [q, k, v] = np.split(x.reshape([-1, tokens, 3 * heads, size]), 3, 2) as [
    JaxArray,
    JaxArray,
    JaxArray,
  ];
  return nn.dotProductAttention(q, k, v).reshape([-1, heads * size]);
}

interface Program {
  readonly f: (...inputs: JaxArray[]) => JaxArray;
  readonly inputs: readonly JaxArray[];
  readonly dy: JaxArray;
}

function program(c: Exclude<Case, { op: 'step' }>, data: Data): Program {
  const of = (name: string, ...shape: number[]) => array(tensor(data, name), shape);
  switch (c.op) {
    case 'add': {
      const shape = [c.rows, c.cols] as const;
      return {
        f: (x, weight) => x.add(weight),
        inputs: [of('x', ...shape), of('weight', ...shape)],
        dy: of('dy', ...shape),
      };
    }
    case 'depthwise': {
      const map = [1, c.channels, c.size, c.size] as const;
      return {
        f: (x, weight) =>
          lax.convGeneralDilated(x, weight, [1, 1], 'SAME', {
            featureGroupCount: c.channels,
          }),
        inputs: [of('x', ...map), of('weight', c.channels, 1, c.kernel, c.kernel)],
        dy: of('dy', ...map),
      };
    }
    case 'linear':
      return {
        f: (x, weight) => np.matmul(x, weight.transpose()),
        inputs: [of('x', c.rows, c.from), of('weight', c.to, c.from)],
        dy: of('dy', c.rows, c.to),
      };
    case 'layer-norm':
      return {
        f: (x, weight, bias) => layerNorm(x, weight, bias),
        inputs: [of('x', c.rows, c.cols), of('weight', c.cols), of('bias', c.cols)],
        dy: of('dy', c.rows, c.cols),
      };
    case 'softmax':
      return { f: (x) => nn.softmax(x, -1), inputs: [of('x', c.rows, c.cols)], dy: of('dy', c.rows, c.cols) };
    case 'attention':
      return {
        f: (x) => attention(x, c),
        inputs: [of('x', c.tokens, 3 * c.heads * c.size)],
        dy: of('dy', c.tokens, c.heads * c.size),
      };
  }
}

function prepare(c: Case, data: Data): Promise<Prepared> | Prepared {
  if (c.op === 'step') return prepareStep(c, data);
  const { f, inputs, dy } = program(c, data);
  const forward = jit((...given: JaxArray[]) => [f(...given)]);
  const both = jit((cotangent: JaxArray, ...given: JaxArray[]) => {
    const [y, pull] = vjp(f, given);
    return [y, ...pull(cotangent)];
  });
  const once = (): JaxArray[] => {
    const given = inputs.map((input) => input.ref);
    return c.gradients ? both(dy.ref, ...given) : forward(...given);
  };
  const names = outputsOf(c);
  let results: JaxArray[] = [];
  return {
    async run() {
      for (const result of results) result.dispose();
      results = once();
      await finish(results);
    },
    async outputs() {
      const all: Record<string, Float32Array> = {};
      for (const [i, result] of results.entries())
        all[names[i] ?? ''] = (await result.ref.data()) as Float32Array;
      return all;
    },
    dispose() {
      for (const tensor of [...results, ...inputs, dy]) tensor.dispose();
    },
  };
}
