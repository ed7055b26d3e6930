import * as ort from 'onnxruntime-web';
import type { OnnxGraph } from '../../src/formats/onnx.ts';

/** ONNX Runtime (WebAssembly, one thread), an independent reader of what we export. */

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** Logits of images x (n, channels, size, size). */
export async function onnxLogits(
  graph: OnnxGraph,
  x: Float32Array,
  shape: readonly [n: number, channels: number, size: number],
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(Buffer.concat(graph.encode()));
  const [n, channels, size] = shape;
  try {
    const { logits } = await session.run({ x: new ort.Tensor('float32', x, [n, channels, size, size]) });
    return (await logits!.getData()) as Float32Array;
  } finally {
    await session.release();
  }
}
