import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/autodiff.ts';
import { absorbNorms, fuse } from '../../src/graph/fusion.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { compare, randomData } from '../ops/harness.ts';
import { Graph, type Node, type Tensor } from '../../src/graph/graph.ts';
import { add } from '../../src/ops/add/op.ts';
import { depthwise, depthwiseGradInput } from '../../src/ops/depthwise/op.ts';
import { gelu } from '../../src/ops/gelu/op.ts';
import { layerNorm } from '../../src/ops/layer-norm/op.ts';
import { matmul } from '../../src/ops/matmul/op.ts';
import { scaleResidual } from '../../src/ops/scale-residual/op.ts';
import { elems, f32 } from '../../src/ops/tensor.ts';

const LINEAR = { transposeA: false, transposeB: true, bias: 'cols' } as const;

/** A ConvNeXt block of 8 channels on 2 maps of 3×4, with its gradients. */
function block(): { graph: Graph; x: Tensor; y: Tensor; wanted: Tensor[] } {
  const graph = new Graph();
  const [n, c, h, w] = [2, 8, 3, 4];
  const x = graph.input('x', f32(n, c, h, w));
  const mask = graph.input('mask', f32(n));
  const p = (name: string, ...shape: number[]) => graph.parameter(name, shape);
  const conv = graph.one(depthwise, { x, weight: p('dw', c, 1, 3, 3), bias: p('dwb', c) }, {});
  const affine = { weight: p('nw', c), bias: p('nb', c) };
  const norm = graph.one(layerNorm, { x: conv, ...affine }, { eps: 1e-6, from: 'nchw', to: 'rows' });
  const hidden = graph.one(matmul, { a: norm, b: p('w1', 4 * c, c), bias: p('b1', 4 * c) }, LINEAR);
  const active = graph.one(gelu, { x: hidden }, {});
  const branch = graph.one(matmul, { a: active, b: p('w2', c, 4 * c), bias: p('b2', c) }, LINEAR);
  const y = graph.one(scaleResidual, { x, branch, gamma: p('gamma', c), mask }, { from: 'rows' });
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
  const kept = new Set(wanted.map((tensor) => tensor.id));
  const fused = fuse(graph.nodes, kept);

  it('merges every pattern', () => {
    expect(names(fused)).toEqual([
      'depthwise',
      'layer-norm-statistics',
      'matmul-gelu',
      'matmul-residual',
      'scale-residual-gradient',
      'matmul-grad-weight',
      'matmul-gelu-gradient',
      'matmul',
      'matmul-grad-weight',
      'layer-norm-gradient',
      'depthwise-grad-weight',
      'depthwise-grad-input',
    ]);
    const inputs = fused.find((node) => node.op.name === 'depthwise-grad-input')?.inputs;
    expect(Object.keys(inputs ?? {})).toEqual(['dy', 'weight', 'addend']);
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
    const forward = graph.nodes.filter((node) => node.direction === 'forward');
    const last = new Set([y.id]);
    const alone = fuse(forward, last);
    expect(names(alone)).toEqual(['depthwise', 'layer-norm-statistics', 'matmul-gelu', 'matmul-residual']);
    expect(alone.map((node) => Object.keys(node.outputs).length)).toEqual([1, 1, 1, 1]);
  });
});

describe('fusion leaves alone', () => {
  it('a gelu whose input is not a product', () => {
    const graph = new Graph();
    const y = graph.one(gelu, { x: graph.input('x', f32(2, 3)) }, {});
    expect(names(fuse(graph.nodes, new Set([y.id])))).toEqual(['gelu']);
  });

  it('a product that is kept, though it still gives gelu its input', () => {
    const graph = new Graph();
    const operands = { a: graph.input('a', f32(2, 3)), b: graph.input('b', f32(3, 4)) };
    const h = graph.one(matmul, operands, { transposeA: false, transposeB: false, bias: 'none' });
    const y = graph.one(gelu, { x: h }, {});
    const [node, ...rest] = fuse(graph.nodes, new Set([h.id, y.id]));
    expect(rest).toEqual([]);
    expect(node?.outputs).toEqual({ y, kept: h });
  });

  /** LayerNorm from maps to rows before a linear layer. */
  function normed(h: number): { graph: Graph; rows: Tensor; y: Tensor } {
    const graph = new Graph();
    const vectors = { weight: graph.parameter('weight', [4]), bias: graph.parameter('bias', [4]) };
    const attrs = { eps: 1e-6, from: 'nchw', to: 'rows' } as const;
    const rows = graph.one(layerNorm, { x: graph.input('x', f32(1, 4, h, 2)), ...vectors }, attrs);
    const linear = { a: rows, b: graph.parameter('w', [8, 4]), bias: graph.parameter('b', [8]) };
    return { graph, rows, y: graph.one(matmul, linear, LINEAR) };
  }

  it('a LayerNorm whose result is kept, or read by more than products, or on maps of odd size', () => {
    const kept = normed(2);
    expect(names(absorbNorms(kept.graph.nodes, new Set([kept.y.id, kept.rows.id])))[0]).toBe('layer-norm');
    const read = normed(2);
    read.graph.one(gelu, { x: read.rows }, {});
    expect(names(absorbNorms(read.graph.nodes, new Set([read.y.id])))[0]).toBe('layer-norm');
    const odd = normed(3);
    expect(names(absorbNorms(odd.graph.nodes, new Set([odd.y.id])))[0]).toBe('layer-norm');
  });

  it('a second LayerNorm, where a product reads two: one operand is normalised, the other made as before', () => {
    const graph = new Graph();
    const attrs = { eps: 1e-6, from: 'nchw', to: 'rows' } as const;
    const [a, b] = ['a', 'b'].map((name) => {
      const vectors = {
        weight: graph.parameter(`${name} weight`, [4]),
        bias: graph.parameter(`${name} bias`, [4]),
      };
      return graph.one(layerNorm, { x: graph.input(name, f32(1, 4, 2, 2)), ...vectors }, attrs);
    }) as [Tensor, Tensor];
    const y = graph.one(matmul, { a, b }, { transposeA: false, transposeB: false, bias: 'none' });
    const nodes = absorbNorms(graph.nodes, new Set([y.id]));
    expect(names(nodes)).toEqual(['layer-norm-statistics', 'layer-norm', 'matmul-norm']);
    const want = evaluate(graph, graph.nodes).get(y.id)!;
    compare('y', evaluate(graph, nodes).get(y.id)!, want, 1e-24, 1e-12);
  });

  it('a branch that something reads before it is added', () => {
    const graph = new Graph();
    const operands = { a: graph.input('a', f32(4, 3)), b: graph.input('b', f32(3, 5)) };
    const branch = graph.one(matmul, operands, { transposeA: false, transposeB: false, bias: 'none' });
    const other = graph.one(gelu, { x: branch }, {});
    const x = graph.input('x', f32(1, 5, 2, 2));
    const y = graph.one(scaleResidual, { x, branch }, { from: 'rows' });
    expect(names(fuse(graph.nodes, new Set([other.id, y.id])))).toEqual(['matmul-gelu', 'scale-residual']);
  });

  it('a sum of an input gradient that something else reads', () => {
    const graph = new Graph();
    const [dy, weight] = [graph.input('dy', f32(1, 2, 3, 3)), graph.input('weight', f32(2, 1, 3, 3))];
    const dx = graph.one(depthwiseGradInput, { dy, weight }, {});
    const sum = graph.one(add, { a: graph.one(gelu, { x: dx }, {}), b: dx }, {});
    expect(names(fuse(graph.nodes, new Set([sum.id])))).toEqual(['depthwise-grad-input', 'gelu', 'add']);
  });
});
