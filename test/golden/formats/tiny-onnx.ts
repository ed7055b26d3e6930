/** A small graph with the operators of our models. Run with a path to write it: `npx tsx tiny-onnx.ts tiny.onnx`. */
import { OnnxGraph } from '../../../src/formats/onnx.ts';
import { Rng } from '../../../src/util/rng.ts';

/** A ConvNeXt-like block, batch norm, pooling and a classifier on (n, 3, 8, 8). */
export function tinyOnnx(): OnnxGraph {
  const graph = new OnnxGraph('tiny');
  const weight = (name: string, shape: number[]) => {
    const rng = new Rng(0, name);
    return graph.initializer(
      name,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.between(0.1, 0.5)),
      shape,
    );
  };
  const norm = ['scale', 'bias', 'mean', 'variance'].map((part) => weight(`bn.${part}`, [4]));
  graph.input('x', ['batch', 3, 8, 8]);
  graph.node('Conv', ['x', weight('stem.weight', [4, 3, 2, 2]), weight('stem.bias', [4])], ['stem'], { strides: [2, 2] });
  graph.node('BatchNormalization', ['stem', ...norm], ['normal'], { epsilon: 1e-5 });
  graph.node('Conv', ['normal', weight('dw.weight', [4, 1, 3, 3])], ['dw'], { group: 4, pads: [1, 1, 1, 1] });
  graph.node('Transpose', ['dw'], ['nhwc'], { perm: [0, 2, 3, 1] });
  graph.node('LayerNormalization', ['nhwc', weight('ln.weight', [4]), weight('ln.bias', [4])], ['ln'], {
    axis: -1,
    epsilon: 1e-6,
  });
  graph.node('MatMul', ['ln', weight('fc1.weight', [4, 8])], ['fc1']);
  graph.gelu('fc1', 'gelu');
  graph.node('MatMul', ['gelu', weight('fc2.weight', [8, 4])], ['fc2']);
  graph.node('Transpose', ['fc2'], ['nchw'], { perm: [0, 3, 1, 2] });
  graph.node('Add', ['normal', 'nchw'], ['block']);
  graph.node('Relu', ['block'], ['relu']);
  graph.node('MaxPool', ['relu'], ['max'], { kernel_shape: [2, 2], strides: [2, 2] });
  graph.node('AveragePool', ['max'], ['average'], { kernel_shape: [2, 2] });
  graph.node('GlobalAveragePool', ['relu'], ['global']);
  graph.node('Add', ['average', 'global'], ['pooled']);
  graph.node('Reshape', ['pooled', graph.integers('shape', [-1, 4])], ['flat']);
  graph.node('Gemm', ['flat', weight('head.weight', [5, 4]), weight('head.bias', [5])], ['logits'], {
    transB: 1,
    alpha: { float: 1 },
  });
  graph.output('logits', ['batch', 5]);
  return graph;
}

const target = process.argv[2];
if (target?.endsWith('.onnx') === true) await tinyOnnx().write(target);
