import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/graph/interpret.ts';
import { mergeLargeKernels, type NamedArray } from '../../src/models/merge.ts';
import { createModel } from '../../src/models/registry.ts';
import { defined } from '../../src/util/errors.ts';
import { formula, images } from './formula.ts';
import { goldenCases, relativeError, type GoldenCase } from './golden.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/ops/tensor.ts';

function stateDict(golden: GoldenCase): Map<string, NamedArray> {
  const { parameters } = createModel(golden.model, golden.config);
  return new Map(parameters.map(({ name, shape }) => [name, { shape, data: formula(name, shape) }]));
}

const branched = goldenCases.filter(([, golden]) => /slak|replk/.test(JSON.stringify(golden)));

describe.each(branched)('%s', (_name, golden) => {
  it('merged gives the logits of the training form in PyTorch', () => {
    const merged = mergeLargeKernels(stateDict(golden));
    const model = createModel(golden.model, { ...golden.config, merged: true });
    expect([...merged.keys()].sort()).toEqual(model.parameters.map(({ name }) => name).sort());
    const graph = new Graph();
    const x = graph.input('x', f32(golden.n, 3, golden.size, golden.size));
    const { logits } = model.build(graph, { x, training: false });
    const values = new Map([[x.id, images(golden.n, 3, golden.size)]]);
    for (const tensor of [...graph.parameters.values(), ...graph.states.values()]) {
      const { shape, data } = defined(merged.get(tensor.name), tensor.name);
      expect(shape).toEqual(tensor.spec.shape);
      values.set(tensor.id, Float64Array.from(data));
    }
    interpret(graph.nodes, values);
    expect(relativeError(defined(values.get(logits.id), 'logits'), golden.evaluated)).toBeLessThan(1e-9);
  });
});

describe('mergeLargeKernels', () => {
  const [, golden] = defined(
    goldenCases.find(([name]) => name === 'replknet'),
    'case',
  );

  it('names what is missing', () => {
    const state = stateDict(golden);
    state.delete('stages.0.blocks.0.large_kernel.small_conv.bn.running_var');
    expect(() => mergeLargeKernels(state)).toThrow(
      /needs stages\.0\.blocks\.0\.large_kernel\.small_conv\.bn\.running_var/,
    );
  });

  it('refuses a model without branches', () => {
    expect(() => mergeLargeKernels(mergeLargeKernels(stateDict(golden)))).toThrow(/None of the \d+ entries/);
  });
});
