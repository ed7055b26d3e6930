import * as ort from 'onnxruntime-web/webgpu';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { OnnxGraph } from '../../../src/formats/onnx.ts';
import { defined } from '../../../src/util/errors.ts';
import { EPS, inputsOf, type AttentionCase, type Case } from '../cases.ts';
import { drain } from '../navigator.ts';
import { tensor, type Data, type Peer } from '../peer.ts';

/** ONNX Runtime for the web, WebGPU execution provider: inference only. Inputs and outputs stay on the device. */

export async function open(): Promise<Peer> {
  // Its loader fetches the WebAssembly file by URL, which Node's fetch does not do for files.
  const wasm = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm');
  ort.env.wasm.wasmBinary = new Uint8Array(readFileSync(wasm)).buffer;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return { runsOn: 'WebGPU', prepare };
}

function model(c: Case, data: Data): Uint8Array {
  const graph = new OnnxGraph('case');
  const [x, ...constants] = inputsOf(c).filter(({ name }) => name !== 'dy');
  graph.input('x', x?.shape ?? []);
  for (const { name, shape } of constants) graph.initializer(name, tensor(data, name), shape);
  if (c.op === 'depthwise') {
    const pad = c.kernel >> 1;
    graph.node('Conv', ['x', 'weight'], ['y'], { group: c.channels, pads: [pad, pad, pad, pad] });
    graph.output('y', x?.shape ?? []);
  } else if (c.op === 'add') {
    graph.node('Add', ['x', 'weight'], ['y']);
    graph.output('y', x?.shape ?? []);
  } else if (c.op === 'linear') {
    graph.node('Gemm', ['x', 'weight'], ['y'], { transB: 1 });
    graph.output('y', [c.rows, c.to]);
  } else if (c.op === 'softmax') {
    graph.node('Softmax', ['x'], ['y'], { axis: -1 });
    graph.output('y', x?.shape ?? []);
  } else if (c.op === 'attention') {
    attention(graph, c);
  } else {
    graph.node('LayerNormalization', ['x', 'weight', 'bias'], ['y'], { axis: -1, epsilon: { float: EPS } });
    graph.output('y', x?.shape ?? []);
  }
  return Buffer.concat(graph.encode());
}

/** The operators that PyTorch's exporter makes of attention. */
function attention(graph: OnnxGraph, { tokens, heads, size }: AttentionCase): void {
  const split = graph.integers('split', [1, tokens, 3, heads, size]);
  graph.node('Reshape', ['x', split], ['split-x']);
  graph.node('Transpose', ['split-x'], ['parts'], { perm: [2, 0, 3, 1, 4] });
  for (const [i, name] of ['q', 'k', 'v'].entries())
    graph.node('Gather', ['parts', graph.integers(`at-${name}`, [i])], [`${name}-one`], { axis: 0 });
  const plain = graph.integers('plain', [heads, tokens, size]);
  for (const name of ['q', 'k', 'v']) graph.node('Reshape', [`${name}-one`, plain], [name]);
  graph.node('Transpose', ['k'], ['k-turned'], { perm: [0, 2, 1] });
  graph.node('MatMul', ['q', 'k-turned'], ['products']);
  graph.node('Mul', ['products', graph.initializer('scale', Float32Array.of(size ** -0.5), [])], ['scores']);
  graph.node('Softmax', ['scores'], ['p'], { axis: -1 });
  graph.node('MatMul', ['p', 'v'], ['heads']);
  graph.node('Transpose', ['heads'], ['tokens'], { perm: [1, 0, 2] });
  graph.node('Reshape', ['tokens', graph.integers('rows', [tokens, heads * size])], ['y']);
  graph.output('y', [tokens, heads * size]);
}

async function prepare(c: Case, data: Data): ReturnType<Peer['prepare']> {
  if (c.op === 'step' || c.gradients) throw new Error('onnxruntime-web only infers: it has no gradients');
  const session = await ort.InferenceSession.create(model(c, data), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  const device = await ort.env.webgpu.device;
  const shape = inputsOf(c)[0]?.shape ?? [];
  const values = tensor(data, 'x');
  const buffer = device.createBuffer({
    size: values.byteLength,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(buffer, 0, values);
  const x = ort.Tensor.fromGpuBuffer(buffer, { dataType: 'float32', dims: shape });
  let y: ort.Tensor | undefined;
  return {
    async run() {
      y?.dispose();
      y = (await session.run({ x })).y;
      await drain();
    },
    async outputs() {
      return { y: (await defined(y, 'y').getData()) as Float32Array };
    },
    dispose() {
      y?.dispose();
      buffer.destroy();
      void session.release(); // nothing of the next case waits for it
    },
  };
}
