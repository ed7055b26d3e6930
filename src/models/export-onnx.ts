import { OnnxGraph, type Opset } from '../formats/onnx.ts';
import { defined } from '../util/errors.ts';
import { recordInference } from './inference.ts';
import { requireClassifier, type Model } from './model.ts';
import { writeNode, type Writer } from './onnx-ops.ts';
import type { Node, Tensor } from '../graph/graph.ts';

export interface OnnxOptions {
  /** Side of the images in pixels. */
  readonly imageSize: number;
  /** Default 17. */
  readonly opset?: Opset;
}

/**
 * The inference graph of a model in ONNX: input `x` (batch, channels, size, size), normalised images; output `logits`
 * (batch, classes); the batch is free. Every recorded node is translated by the table in onnx-ops.ts.
 * @param weights every parameter and running statistic by name
 * @throws FrameworkError `model/export` for an op without a translation
 * @example await exportOnnx(model, weights, { imageSize: 224 }).write('model.onnx');
 */
export function exportOnnx(
  model: Model,
  weights: ReadonlyMap<string, Float32Array>,
  { imageSize, opset = 17 }: OnnxOptions,
): OnnxGraph {
  requireClassifier(model);
  const { channels, classes } = model.config;
  const { nodes, x, logits } = recordInference(model, { batch: 1, channels, imageSize }, { plain: true });
  const onnx = new OnnxGraph(model.name, opset);
  const writer = new GraphWriter(onnx, weights);
  writer.define(x, onnx.input('x', ['batch', channels, imageSize, imageSize]));
  for (const node of nodes) {
    const y = defined(Object.values(node.outputs)[0], `output of ${node.op.name}`);
    const out = y.id === logits.id ? 'logits' : `${writer.inner(node, 'y')}`;
    writeNode(writer, node, out);
    writer.define(y, out);
  }
  onnx.output('logits', ['batch', classes]);
  onnx.property('model', model.name);
  onnx.property('config', JSON.stringify(model.config));
  return onnx;
}

/** Names of values and initialisers, by tensor. */
class GraphWriter implements Writer {
  readonly onnx: OnnxGraph;
  private readonly weights: ReadonlyMap<string, Float32Array>;
  private readonly names = new Map<number, string>();
  private readonly turned = new Map<number, string>();

  constructor(onnx: OnnxGraph, weights: ReadonlyMap<string, Float32Array>) {
    this.onnx = onnx;
    this.weights = weights;
  }

  define(tensor: Tensor, name: string): void {
    this.names.set(tensor.id, name);
  }

  name(tensor: Tensor | undefined): string {
    const asked = defined(tensor, 'operand');
    const known = this.names.get(asked.id);
    if (known !== undefined) return known;
    const made = this.onnx.initializer(asked.name, this.valuesOf(asked), asked.spec.shape);
    this.define(asked, made);
    return made;
  }

  transposed(tensor: Tensor | undefined): string {
    const asked = defined(tensor, 'operand');
    const known = this.turned.get(asked.id);
    if (known !== undefined) return known;
    const [rows = 0, cols = 0] = asked.spec.shape;
    const values = this.valuesOf(asked);
    const out = new Float32Array(values.length);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < cols; j++) out[j * rows + i] = values[i * cols + j] as number;
    const made = this.onnx.initializer(`${asked.name}.transposed`, out, [cols, rows]);
    this.turned.set(asked.id, made);
    return made;
  }

  inner(node: Node, part: string): string {
    return `${node.scope === '' ? 'model' : node.scope}:${node.op.name}.${node.id}.${part}`;
  }

  private valuesOf(tensor: Tensor): Float32Array {
    return defined(this.weights.get(tensor.name), `weights of ${tensor.name}`);
  }
}
