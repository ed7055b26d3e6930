import { describe, expect, it } from 'vitest';
import { interpret } from '../../src/graph/interpret.ts';
import { exportOnnx } from '../../src/models/export-onnx.ts';
import { InferenceSession, recordInference } from '../../src/models/inference.ts';
import { ModelWeights } from '../../src/models/weights.ts';
import { mergeLargeKernels } from '../../src/models/merge.ts';
import type { Model } from '../../src/models/model.ts';
import { createModel } from '../../src/models/registry.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { formula, images } from './formula.ts';
import { goldenCases, relativeError } from './golden.ts';
import { onnxLogits } from './onnx-runtime.ts';
import type { Graph, Tensor } from '../../src/graph/graph.ts';
import { softCrossEntropy } from '../../src/ops/cross-entropy/op.ts';
import { toMaps, toRows } from '../../src/ops/layout/op.ts';
import { averagePool, globalAveragePool, maxPool } from '../../src/ops/pool/op.ts';
import { scaleResidual } from '../../src/ops/scale-residual/op.ts';
import { scale } from '../../src/ops/scale/op.ts';

function formulaWeights(model: Model): Map<string, Float32Array> {
  return new Map(model.parameters.map(({ name, shape }) => [name, Float32Array.from(formula(name, shape))]));
}

const hasClassifier = ([, golden]: (typeof goldenCases)[number]) =>
  createModel(golden.model, golden.config).head !== null;

describe.each(goldenCases.filter(hasClassifier))('%s in ONNX Runtime', (_name, golden) => {
  const { n, size } = golden;
  const model = createModel(golden.model, golden.config);
  const x = Float32Array.from(images(n, 3, size));

  it.each([17, 20] as const)('gives the logits of PyTorch, operator set %i, any batch', async (opset) => {
    const graph = exportOnnx(model, formulaWeights(model), { imageSize: size, opset });
    expect(relativeError(await onnxLogits(graph, x, [n, 3, size]), golden.evaluated)).toBeLessThan(1e-5);
    const first = await onnxLogits(graph, x.subarray(0, x.length / n), [1, 3, size]);
    expect(relativeError(first, golden.evaluated.slice(0, golden.evaluated.length / n))).toBeLessThan(1e-5);
  });

  it.runIf('merged' in model.config && /slak|replk/.test(JSON.stringify(golden)))(
    'gives them merged too',
    async () => {
      const state = new Map(
        model.parameters.map(({ name, shape }) => [name, { shape, data: formula(name, shape) }]),
      );
      const weights = new Map(
        [...mergeLargeKernels(state)].map(([name, { data }]) => [name, Float32Array.from(data)]),
      );
      const merged = createModel(golden.model, { ...golden.config, merged: true });
      const graph = exportOnnx(merged, weights, { imageSize: size });
      expect(relativeError(await onnxLogits(graph, x, [n, 3, size]), golden.evaluated)).toBeLessThan(1e-5);
    },
  );
});

// One tiny model, because pipelines take long to compile; golden-device.test.ts compares every case on a device with PyTorch.
it.skipIf(adapters[0] === undefined)(
  'ONNX Runtime and our device agree',
  async () => {
    const config = { depths: [1], dims: [4], kernels: [5], smallKernel: 3, variant: 'slak', classes: 5 };
    const model = createModel('convnext-custom', config);
    const weights = formulaWeights(model);
    const { device } = await deviceFor(adapters[0]!);
    const shape = { batch: 2, channels: 3, imageSize: 8 };
    const session = await InferenceSession.create(
      device,
      await ModelWeights.upload(device, model, weights),
      shape,
    );
    const x = Float32Array.from(images(2, 3, 8));
    const theirs = await onnxLogits(exportOnnx(model, weights, { imageSize: 8 }), x, [2, 3, 8]);
    expect(relativeError(theirs, await session.logits(x, 2))).toBeLessThan(1e-4);
  },
  60_000, // drivers without a warm cache compile for long
);

/** A model of one op that is no part of a golden case. */
function modelOf(record: (graph: Graph, x: Tensor) => Tensor): Model {
  return {
    ...createModel('resnet20', { classes: 3 }),
    build: (graph, { x }) => ({ logits: record(graph, x), dropPaths: [] }),
  };
}

describe('exportOnnx', () => {
  it('refuses a model without a classifier', () => {
    expect(() => exportOnnx(createModel('dino-s8'), new Map(), { imageSize: 224 })).toThrow(
      /dino-s8 has no classifier/,
    );
  });

  const pooled = { kernel: [3, 3], stride: [2, 2], padding: [1, 1] } as const;
  const rows = { from: 'nchw' } as const;
  it.each<[string, (graph: Graph, x: Tensor) => Tensor]>([
    ['average pooling', (graph, x) => graph.one(averagePool, { x }, pooled)],
    ['maximum with zero padding', (graph, x) => graph.one(maxPool, { x }, { ...pooled, zeroPadding: true })],
    ['a scale', (graph, x) => graph.one(scale, { x }, { factor: -0.25 })],
    [
      'rows and back',
      (graph, x) => graph.one(toMaps, { x: graph.one(toRows, { x }, {}) }, { n: 1, h: 9, w: 9 }),
    ],
    [
      'a layer scale on maps',
      (graph, x) => graph.one(scaleResidual, { x, branch: x, gamma: graph.parameter('gamma', [3]) }, rows),
    ],
  ])('translates %s as its reference computes it', async (_name, record) => {
    const model = modelOf((graph, x) => graph.one(globalAveragePool, { x: record(graph, x) }, {}));
    const gamma = Float32Array.from(formula('gamma', [3]));
    const graph = exportOnnx(model, new Map([['gamma', gamma]]), { imageSize: 9 });
    const data = images(1, 3, 9).map((value) => value - 2); // negative, so that zeros of the padding are the largest
    const { nodes, x, logits } = recordInference(model, { batch: 1, channels: 3, imageSize: 9 });
    const values = new Map([[x.id, data]]);
    for (const tensor of nodes.flatMap((node) => Object.values(node.inputs)))
      if (tensor.kind === 'parameter') values.set(tensor.id, Float64Array.from(gamma));
    interpret(nodes, values);
    const theirs = await onnxLogits(graph, Float32Array.from(data), [1, 3, 9]);
    expect(relativeError(theirs, values.get(logits.id)!)).toBeLessThan(1e-6);
  });

  it('refuses an op without a translation, naming it and its place', () => {
    const model = modelOf((graph, x) =>
      graph.scoped('odd.place', () => {
        const pool = graph.one(globalAveragePool, { x }, {});
        return graph.one(softCrossEntropy, { logits: pool, targets: pool }, {});
      }),
    );
    expect(() => exportOnnx(model, new Map(), { imageSize: 9 })).toThrow(
      /odd\.place cannot be said in ONNX: the op soft-cross-entropy has no translation/,
    );
  });
});
