import * as ort from 'onnxruntime-web';
import type { OnnxGraph } from '../../src/formats/onnx.ts';

/** ONNX Runtime (WebAssembly, one thread), an independent reader of what we export. */

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Logits of images x (n, channels, size, size) by a graph or the bytes of a file. */
export async function onnxLogits(
  graph: OnnxGraph | Uint8Array,
  x: Float32Array,
  shape: readonly [n: number, channels: number, size: number],
): Promise<Float32Array> {
  const model = graph instanceof Uint8Array ? graph : Buffer.concat(graph.encode());
  const session = await ort.InferenceSession.create(model);
  const [n, channels, size] = shape;
  try {
    const { logits } = await session.run({ x: new ort.Tensor('float32', x, [n, channels, size, size]) });
    return (await logits!.getData()) as Float32Array;
  } finally {
    await session.release();
  }
}
