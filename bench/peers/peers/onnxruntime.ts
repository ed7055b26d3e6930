import * as ort from 'onnxruntime-web/webgpu';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { OnnxGraph } from '../../../src/formats/onnx.ts';
import { defined } from '../../../src/util/errors.ts';
import { EPS, inputsOf, type Case } from '../cases.ts';
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
  } else if (c.op === 'linear') {
    graph.node('Gemm', ['x', 'weight'], ['y'], { transB: 1 });
    graph.output('y', [c.rows, c.to]);
  } else {
    graph.node('LayerNormalization', ['x', 'weight', 'bias'], ['y'], { axis: -1, epsilon: { float: EPS } });
    graph.output('y', x?.shape ?? []);
  }
  return Buffer.concat(graph.encode());
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
