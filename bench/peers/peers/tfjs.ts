import * as tf from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { drain } from '../navigator.ts';
import { EPS, outputsOf, type AttentionShape, type Case, type LayerNormCase } from '../cases.ts';
import { tensor, transpose, type Data, type Peer, type Prepared } from '../peer.ts';
import { prepareStep } from './tfjs-step.ts';

/** TensorFlow.js, which knows NHWC only where there are gradients. Its core has no LayerNorm: this is the usual formula. */

// Axes between the cases' layout and tfjs's.
const TO_NHWC = [0, 2, 3, 1];
const FROM_NHWC = [0, 3, 1, 2];
const TO_HWC1 = [2, 3, 0, 1];
const FROM_HWC1 = [2, 3, 0, 1];

export async function open(): Promise<Peer> {
  const ready = (await tf.setBackend('webgpu')) && tf.getBackend() === 'webgpu';
  if (!ready) throw new Error('tfjs found no WebGPU backend');
  await tf.ready();
  return { runsOn: 'WebGPU', prepare: async (c, data) => prepare(c, data) };
}

/** Submits what tfjs has batched up and waits for it; its own way to wait is to read the result back. */
export async function finish(): Promise<void> {
  const backend = tf.backend();
  if (backend instanceof WebGPUBackend && backend['commandEncoder'] !== null) {
    backend['endComputePassEncoder']();
    backend.submitQueue();
  }
  await drain();
}

export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(EPS).rsqrt()).mul(weight).add(bias);
}

/** A model's parameters, by PyTorch's names. */
export type Lookup = (name: string) => tf.Tensor;

export function linear(x: tf.Tensor2D, p: Lookup, name: string): tf.Tensor2D {
  return tf.matMul(x, p(`${name}.weight`), false, true).add<tf.Tensor2D>(p(`${name}.bias`));
}

export function gelu(x: tf.Tensor2D): tf.Tensor2D {
  return x.mul(0.5).mul<tf.Tensor2D>(x.mul(Math.SQRT1_2).erf().add(1));
}

/** Of one or more images, as its users would write it: no fused form is there. */
export function attention(x: tf.Tensor, { tokens, heads, size }: AttentionShape): tf.Tensor {
  const [q, k, v] = tf.unstack(x.reshape([-1, tokens, 3, heads, size]).transpose([2, 0, 3, 1, 4])) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const p = tf.softmax(tf.matMul(q, k, false, true).div(Math.sqrt(size)));
  return tf
    .matMul(p, v)
    .transpose([0, 2, 1, 3])
    .reshape([-1, heads * size]);
}

interface Program {
  readonly f: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly inputs: readonly tf.Tensor[];
  readonly dy: tf.Tensor;
  /** Of the outputs, back to the layout of the case. */
  readonly layouts: readonly (readonly number[] | undefined)[];
}

function program(c: Exclude<Case, { op: 'step' }>, data: Data): Program {
  const of = (name: string, shape: readonly number[], axes?: readonly number[]): tf.Tensor => {
    const values = tensor(data, name);
    if (axes === undefined) return tf.tensor(values, [...shape]);
    return tf.tensor(
      transpose(values, shape, axes),
      axes.map((axis) => shape[axis] ?? 1),
    );
  };
  switch (c.op) {
    case 'add': {
      const shape = [c.rows, c.cols];
      const inputs = [of('x', shape), of('weight', shape)];
      return { f: (x, weight) => x.add(weight), inputs, dy: of('dy', shape), layouts: [] };
    }
    case 'depthwise': {
      const map = [1, c.channels, c.size, c.size];
      const taps = [c.channels, 1, c.kernel, c.kernel];
      return {
        f: (x, weight) => tf.depthwiseConv2d(x as tf.Tensor4D, weight as tf.Tensor4D, 1, 'same'),
        inputs: [of('x', map, TO_NHWC), of('weight', taps, TO_HWC1)],
        dy: of('dy', map, TO_NHWC),
        layouts: [FROM_NHWC, FROM_NHWC, FROM_HWC1],
      };
    }
    case 'linear':
      return {
        f: (x, weight) => tf.matMul(x, weight, false, true),
        inputs: [of('x', [c.rows, c.from]), of('weight', [c.to, c.from])],
        dy: of('dy', [c.rows, c.to]),
        layouts: [],
      };
    case 'layer-norm':
      return layerNormProgram(c, of);
    case 'softmax': {
      const shape = [c.rows, c.cols];
      return { f: (x) => tf.softmax(x), inputs: [of('x', shape)], dy: of('dy', shape), layouts: [] };
    }
    case 'attention':
      return {
        f: (x) => attention(x, c),
        inputs: [of('x', [c.tokens, 3 * c.heads * c.size])],
        dy: of('dy', [c.tokens, c.heads * c.size]),
        layouts: [],
      };
  }
}

function layerNormProgram(
  { rows, cols }: LayerNormCase,
  of: (name: string, shape: readonly number[]) => tf.Tensor,
): Program {
  return {
    f: (x, weight, bias) => layerNorm(x, weight, bias),
    inputs: [of('x', [rows, cols]), of('weight', [cols]), of('bias', [cols])],
    dy: of('dy', [rows, cols]),
    layouts: [],
  };
}

function prepare(c: Case, data: Data): Prepared {
  if (c.op === 'step') return prepareStep(c, data);
  const { f, inputs, dy, layouts } = program(c, data);
  // tf.grads throws the value away; this is its other half: forward, then the tape.
  const both = (): tf.Tensor[] => {
    const y: tf.Tensor[] = [];
    const gradients = tf.grads((...given: tf.Tensor[]) => {
      const result = f(...given);
      y.push(tf.keep(result));
      return result;
    })([...inputs], dy);
    return [...y, ...gradients];
  };
  const names = outputsOf(c);
  const once = (): tf.Tensor[] => (c.gradients ? both() : [tf.tidy(() => f(...inputs))]);
  let results: tf.Tensor[] = [];
  return {
    async run() {
      tf.dispose(results);
      results = once();
      await finish();
    },
    async outputs() {
      const all: Record<string, Float32Array> = {};
      for (const [i, result] of results.entries()) {
        const values = (await result.data()) as Float32Array;
        const axes = layouts[i];
        all[names[i] ?? ''] = axes === undefined ? values : transpose(values, result.shape, axes);
      }
      return all;
    },
    dispose() {
      tf.dispose([...results, ...inputs, dy]);
    },
  };
}
