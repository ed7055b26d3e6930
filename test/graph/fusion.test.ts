import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/autodiff.ts';
import { fuse } from '../../src/graph/fusion.ts';
import { Graph, type Node, type Tensor } from '../../src/graph/graph.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { add } from '../../src/kernels/add.ts';
import { depthwise, depthwiseGradInput } from '../../src/kernels/depthwise.ts';
import { gelu } from '../../src/kernels/gelu.ts';
import { layerNorm } from '../../src/kernels/layer-norm.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { matmulGelu, matmulGeluGradient } from '../../src/kernels/matmul-fused.ts';
import { elems, f32 } from '../../src/kernels/op.ts';
import { scaleResidual } from '../../src/kernels/scale-residual.ts';
import { randomData, testOp } from '../kernels/harness.ts';

const LINEAR = { transposeA: false, transposeB: true, bias: 'cols' } as const;

/** A ConvNeXt block of 8 channels on 2 maps of 3×5, with its gradients. */
function block(): { graph: Graph; x: Tensor; y: Tensor; wanted: Tensor[] } {
  const graph = new Graph();
  const [n, c, h, w] = [2, 8, 3, 5];
  const x = graph.input('x', f32(n, c, h, w));
  const mask = graph.input('mask', f32(n));
  const p = (name: string, ...shape: number[]) => graph.parameter(name, shape);
  const conv = graph.one(depthwise, [x, p('dw', c, 1, 3, 3), p('dwb', c)], {});
  const norm = graph.one(layerNorm, [conv, p('nw', c), p('nb', c)], { eps: 1e-6, from: 'nchw', to: 'rows' });
  const hidden = graph.one(matmul, [norm, p('w1', 4 * c, c), p('b1', 4 * c)], LINEAR);
  const active = graph.one(gelu, [hidden], {});
  const branch = graph.one(matmul, [active, p('w2', c, 4 * c), p('b2', c)], LINEAR);
  const attrs = { from: 'rows', gamma: true, mask: true } as const;
  const y = graph.one(scaleResidual, [x, branch, p('gamma', c), mask], attrs);
  const { parameters, tensors } = differentiate(graph, y, graph.input('seed', y.spec), { tensors: [x] });
  return { graph, x, y, wanted: [y, ...parameters.values(), tensors[0]!] };
}

function evaluate(graph: Graph, nodes: readonly Node[]): Map<number, Float64Array> {
  const values = new Map<number, Float64Array>();
  const given = [...graph.inputs.values(), ...graph.parameters.values()];
  const data = randomData(given.map((tensor) => tensor.spec));
  given.forEach((tensor, i) => values.set(tensor.id, data[i]!));
  interpret(nodes, values);
  return values;
}

const names = (nodes: readonly Node[]) => nodes.map((node) => node.op.name);

describe('fusion of a ConvNeXt block', () => {
  const { graph, wanted, y } = block();
  const fused = fuse(graph.nodes, new Set(wanted.map((tensor) => tensor.id)));

  it('merges every pattern', () => {
    expect(names(fused)).toEqual(expect.arrayContaining(['matmul-gelu', 'matmul-gelu-gradient']));
    for (const gone of ['gelu', 'gelu-gradient', 'add']) expect(names(fused)).not.toContain(gone);
    expect(fused.find((node) => node.op.name === 'depthwise-grad-input')?.inputs).toHaveLength(3);
  });

  it('computes the same in float64', () => {
    const before = evaluate(graph, graph.nodes);
    const after = evaluate(graph, fused);
    for (const tensor of wanted) {
      const [want, got] = [before.get(tensor.id)!, after.get(tensor.id)!];
      expect(got, tensor.name).toHaveLength(elems(tensor.spec.shape));
      got.forEach((value, i) => expect(value, `${tensor.name}[${i}]`).toBeCloseTo(want[i]!, 10));
    }
  });

  it('keeps no value that only the forward pass read', () => {
    const forward = graph.nodes.filter((node) => node.stage === 'forward');
    const alone = fuse(forward, new Set([y.id]));
    expect(names(alone)).toEqual(['depthwise', 'layer-norm', 'matmul-gelu', 'matmul', 'scale-residual']);
    expect(alone[2]?.outputs).toHaveLength(1);
  });
});

describe('fusion leaves alone', () => {
  it('a gelu whose input is not a product', () => {
    const graph = new Graph();
    const y = graph.one(gelu, [graph.input('x', f32(2, 3))], {});
    expect(names(fuse(graph.nodes, new Set([y.id])))).toEqual(['gelu']);
  });

  it('a product that is kept, though it still gives gelu its input', () => {
    const graph = new Graph();
    const h = graph.one(matmul, [graph.input('a', f32(2, 3)), graph.input('b', f32(3, 4))], {
      transposeA: false,
      transposeB: false,
      bias: 'none',
    });
    const y = graph.one(gelu, [h], {});
    const [node, ...rest] = fuse(graph.nodes, new Set([h.id, y.id]));
    expect(rest).toEqual([]);
    expect(node?.outputs).toEqual([y, h]);
  });

  it('a sum of an input gradient that something else reads', () => {
    const graph = new Graph();
    const [dy, weight] = [graph.input('dy', f32(1, 2, 3, 3)), graph.input('weight', f32(2, 1, 3, 3))];
    const dx = graph.one(depthwiseGradInput, [dy, weight], {});
    const sum = graph.one(add, [graph.one(gelu, [dx], {}), dx], {});
    expect(names(fuse(graph.nodes, new Set([sum.id])))).toEqual(['depthwise-grad-input', 'gelu', 'add']);
  });
});

testOp(matmulGelu, matmulGelu.examples);
testOp(matmulGeluGradient, [
  ...matmulGeluGradient.examples,
  {
    inputs: [f32(21, 18), f32(18, 35), f32(21, 35)],
    attrs: { transposeA: false, transposeB: false, bias: 'none' },
  },
]);
