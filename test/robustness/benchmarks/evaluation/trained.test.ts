import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { classList } from '../../../../src/data/classes.ts';
import { normalization } from '../../../../src/data/normalization.ts';
import { openDataset } from '../../../../src/data/datasets.ts';
import { openSafetensors } from '../../../../src/formats/safetensors.ts';
import { interpret } from '../../../../src/graph/interpret.ts';
import { createModel } from '../../../../src/models/registry.ts';
import type { Classifier } from '../../../../src/robustness/classifier/classifier.ts';
import { evaluateBenchmark } from '../../../../src/robustness/benchmarks/evaluation/evaluate.ts';
import { generateC } from '../../../../src/robustness/benchmarks/images/generated.ts';
import { findBenchmark } from '../../../../src/robustness/benchmarks/records.ts';
import { defined } from '../../../../src/util/errors.ts';
import { temporaryFolder } from '../world.ts';
import { Graph } from '../../../../src/graph/graph.ts';
import { f32 } from '../../../../src/ops/tensor.ts';

const file = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

/** The ResNet-20 that ships with the project, computed in float64 without a device. */
async function trainedResnet20(): Promise<Classifier> {
  const model = createModel('resnet20');
  const published = model.preprocessing(32);
  const graph = new Graph();
  const x = graph.input('x', f32(1, 3, 32, 32));
  const { logits } = model.build(graph, { x, training: false });
  const tensors = await openSafetensors(file('checkpoints/resnet20-cifar10/resnet20.safetensors'));
  const weights = new Map<number, Float64Array>();
  for (const tensor of [...graph.parameters, ...graph.states])
    weights.set(tensor[1].id, Float64Array.from(await tensors.read(tensor[0])));
  await tensors.close();
  return {
    name: 'resnet20',
    fingerprint: 'shipped',
    classes: 10,
    preprocessing: { ...normalization(published.normalization), imageSize: 32, evalConfig: published },
    async logits(batch, n) {
      const rows = Array.from({ length: n }, (_, i) => {
        const values = new Map(weights);
        values.set(x.id, Float64Array.from(batch.subarray(i * 3072, (i + 1) * 3072)));
        interpret(graph.nodes, values);
        return [...defined(values.get(logits.id), 'logits')];
      });
      return Float32Array.from(rows.flat());
    },
  };
}

describe('CIFAR-10-C of the trained ResNet-20', () => {
  it('is right on clean images, exactly as in the clean test, and wrong under heavy noise', async () => {
    const root = await temporaryFolder();
    // Four test images, all of which PyTorch gets right: test/golden/models/cifar.py.
    await copyFile(file('test/golden/models/cifar10-test-4.bin'), join(root, 'test_batch.bin'));
    const spec = { kind: 'cifar10', root, split: 'test', classes: classList('cifar10') } as const;
    const dataset = await openDataset(spec);
    const classifier = await trainedResnet20();
    const options = { seed: 0, names: ['gaussian_noise'], severities: [5] as const };
    const { parts, origin } = generateC(dataset, classifier, options);
    const result = await evaluateBenchmark({
      benchmark: findBenchmark('c'),
      name: 'CIFAR-10-C',
      classifier,
      parts,
      origin,
      normalised: { not: 'other classes' },
      folder: join(root, 'c'),
      batchSize: 4,
    });
    await dataset.close();
    const top1 = result.parts.map(({ metrics }) => metrics.find(({ id }) => id === 'top1')!.value);
    expect(result.parts.map(({ name }) => name)).toEqual(['clean/0', 'gaussian_noise/5']);
    expect(top1[0]).toBe(100);
    expect(top1[1]!).toBeLessThan(100);
    expect(result.name).toBe('CIFAR-10-C');
    expect(result.protocol.normalization).toMatch(/^mean 0\.485 0\.456 0\.406, std 0\.229 0\.224 0\.225$/);
    expect(result.protocol.dataOrigin).toMatch(/CIFAR-10-C parameters, 32 px, no final JPEG/);
  });
});
