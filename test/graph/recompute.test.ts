import { describe, expect, it } from 'vitest';
import { planNodes } from '../../src/execution/plan.ts';
import { Program } from '../../src/execution/program.ts';
import { FlatStore, layoutFlat, locateIn } from '../../src/execution/store.ts';
import { differentiate } from '../../src/graph/autodiff.ts';
import { Graph, isOf } from '../../src/graph/graph.ts';
import { optimise } from '../../src/graph/passes.ts';
import { type BatchNormAttrs, batchNorm } from '../../src/ops/batch-norm/op.ts';
import { gelu } from '../../src/ops/gelu/op.ts';
import type { Op } from '../../src/ops/op.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { adapters, deviceFor, randomData } from '../ops/harness.ts';

const ATTRS: BatchNormAttrs = { eps: 1e-5, momentum: 0.1, training: true };

/** y = gelu(norm(x)) as a block, and its gradient. */
function normBlock<
  P extends Op<
    BatchNormAttrs,
    'x' | 'weight' | 'bias' | 'running_mean' | 'running_var',
    'y' | 'mean' | 'rstd'
  >,
>(norm: P) {
  const graph = new Graph();
  const inputs = {
    x: graph.input('x', f32(2, 3, 2, 2)),
    weight: graph.parameter('weight', [3]),
    bias: graph.parameter('bias', [3]),
    running_mean: graph.state('running_mean', [3]),
    running_var: graph.state('running_var', [3]),
  };
  const y = graph.scoped('block', () =>
    graph.asBlock(() => graph.one(gelu, { x: graph.one(norm, inputs, ATTRS) }, {})),
  );
  differentiate(graph, y, graph.input('seed', y.spec));
  return { graph, kept: new Set([y.id]) };
}

describe('recomputing blocks', () => {
  it('leaves what was recorded alone, and updates running statistics once', () => {
    const { graph, kept } = normBlock(batchNorm);
    const before = [...graph.nodes];
    const nodes = optimise(graph.nodes, { graph, kept, recompute: 'blocks' });
    expect(graph.nodes).toEqual(before);
    const norms = nodes.filter((node) => isOf(node, batchNorm));
    expect(norms.map(({ direction }) => direction)).toEqual(['forward', 'backward']);
    expect(norms.map(({ attrs }) => attrs.updateStatistics)).toEqual([undefined, false]);
  });

  it('refuses an op that updates state and has no way not to', () => {
    const impure: { pure?: unknown } & typeof batchNorm = { ...batchNorm };
    delete impure.pure;
    const { graph, kept } = normBlock(impure);
    expect(() => optimise(graph.nodes, { graph, kept, recompute: 'blocks' })).toThrow(
      /block: batch-norm updates state and cannot be recomputed/,
    );
  });
});

describe.each(adapters)('recomputing blocks with BatchNorm on %s', (kind) => {
  /** Two runs: what gradients have added up to, and the running statistics. */
  async function results(recompute: 'none' | 'blocks') {
    const { device, pipelines } = await deviceFor(kind);
    const { graph, kept } = normBlock(batchNorm);
    const nodes = optimise(graph.nodes, { graph, kept, recompute });
    const plan = planNodes(nodes, { profile: device.profile, kept: [] });
    const store = (names: Iterable<string>, phase: number) => {
      const layout = layoutFlat(
        [...names].map((name) => ({ name, shape: [3], group: 'all' })),
        1 << 20,
      );
      const made = new FlatStore(device, 'store', layout);
      for (const name of names)
        made.write(
          name,
          Float32Array.of(1, 2, 3).map((x) => Math.sin(x + phase)),
        );
      return made;
    };
    const names = [...graph.parameters.keys()];
    const stores = {
      parameter: store(names, 1),
      state: store([...graph.states.keys()], 2),
      gradient: store(names, 3),
    };
    const program = await Program.build(device, pipelines, plan, locateIn(stores), 'test');
    const [x, seed] = randomData([f32(2, 3, 2, 2), f32(2, 3, 2, 2)]);
    program.write('x', Float32Array.from(x!));
    program.write('seed', Float32Array.from(seed!));
    program.run();
    program.run();
    return { gradient: await stores.gradient.readAll(), state: await stores.state.readAll() };
  }

  it('gives the gradients and running statistics of not recomputing, bit for bit', async () => {
    const plain = await results('none');
    expect(plain.state.get('running_var')).not.toEqual(Float32Array.of(1, 2, 3).map((x) => Math.sin(x + 2)));
    expect(await results('blocks')).toEqual(plain);
  });
});
