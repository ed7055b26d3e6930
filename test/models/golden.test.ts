import { recompute } from '../../src/graph/recompute.ts';
import { describe, expect, it } from 'vitest';
import { defined } from '../../src/util/errors.ts';
import {
  expectStep,
  goldenCases,
  interpreted,
  recordEvaluation,
  recordStep,
  relativeError,
} from './golden.ts';

const EXACT = { logits: 1e-9, gradients: 1e-8 };

describe.each(goldenCases)('%s in float64', (_name, golden) => {
  it('gives the logits of PyTorch in evaluation', () => {
    const recorded = recordEvaluation(golden);
    const read = interpreted(recorded);
    expect(relativeError(read(recorded.logits), golden.evaluated)).toBeLessThan(EXACT.logits);
  });

  it('gives the loss, gradients and running statistics of a training step', async () => {
    const step = recordStep(golden);
    await expectStep(golden, step, interpreted(step), EXACT);
  });

  it('declares exactly what it records', () => {
    const { model, graph } = recordStep(golden);
    const declared = new Map(model.parameters.map((spec) => [spec.name, spec]));
    for (const [kind, family] of [
      ['parameter', graph.parameters],
      ['state', graph.states],
    ] as const) {
      const names = model.parameters.filter((spec) => spec.kind === kind).map(({ name }) => name);
      expect([...family.keys()].sort()).toEqual(names.sort());
      for (const [name, tensor] of family) expect(declared.get(name)?.shape).toEqual(tensor.spec.shape);
    }
  });
});

const [, plain] = defined(
  goldenCases.find(([name]) => name.startsWith('convnext plain')),
  'plain case',
);

describe('blocks', () => {
  it.each(goldenCases)(
    'of %s recomputed give the same gradients and running statistics',
    async (_name, golden) => {
      const step = recordStep(golden);
      const kept = new Set([step.logits, step.loss, step.dx].map(({ id }) => id));
      const nodes = recompute(step.graph, step.nodes, kept, 'blocks');
      const again = nodes.filter(({ direction, block }) => direction === 'backward' && block !== undefined);
      expect(new Set(again.map(({ block }) => block)).size).toBe(step.model.blocks.length);
      await expectStep(golden, step, interpreted({ ...step, nodes }), EXACT);
    },
  );

  it('left out are what a layer scale of zero makes of them', () => {
    const skip = new Set(['stages.1.0', 'stages.2.1']);
    const short = recordEvaluation(plain, skip);
    const whole = recordEvaluation(plain);
    for (const [tensor, value] of whole.data)
      if ([...skip].some((name) => tensor.name === `${name}.gamma`)) value.fill(0);
    expect(short.graph.nodes.length).toBeLessThan(whole.graph.nodes.length);
    expect(relativeError(interpreted(short)(short.logits), interpreted(whole)(whole.logits))).toBeLessThan(
      1e-12,
    );
    expect(interpreted(short)(short.logits)).not.toEqual(interpreted(recordEvaluation(plain))(whole.logits));
  });

  it('can be read by name', () => {
    for (const [, golden] of goldenCases) {
      const { graph, model } = recordEvaluation(golden);
      for (const { name } of model.blocks) expect(graph.taps.has(name), name).toBe(true);
      const output = model.head === null ? 'features' : 'logits';
      expect(graph.taps.get(output)?.spec.shape).toEqual([golden.n, golden.evaluated.length / golden.n]);
    }
  });
});
