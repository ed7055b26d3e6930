import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../../src/formats/safetensors.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { createModel } from '../../src/models/registry.ts';
import { defined } from '../../src/util/errors.ts';
import { adapters } from '../ops/harness.ts';
import { withProgram } from './device.ts';
import { relativeError, type Recorded } from './golden.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { f32 } from '../../src/ops/tensor.ts';

/** ResNet-20 with its trained weights on the first test images of CIFAR-10 (test/golden/models/cifar.py). */
const at = (path: string) => new URL(path, import.meta.url);
const golden = JSON.parse(readFileSync(at('../golden/models/cifar10-test-4.json'), 'utf8')) as {
  labels: number[];
  logits: number[][];
};
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** The first `count` images, normalised. */
function pixels(count: number): Float64Array {
  const records = readFileSync(at('../golden/models/cifar10-test-4.bin'));
  const image = 3 * 32 * 32;
  return Float64Array.from({ length: count * image }, (_, i) => {
    const byte = records[Math.floor(i / image) * (image + 1) + 1 + (i % image)] as number;
    const channel = Math.floor((i % image) / 1024);
    return (byte / 255 - (MEAN[channel] as number)) / (STD[channel] as number);
  });
}

async function recorded(count: number): Promise<Recorded> {
  const model = createModel('resnet20');
  const graph = new Graph();
  const x = graph.input('x', f32(count, 3, 32, 32));
  const { logits } = model.build(graph, { x, training: false });
  const file = await openSafetensors(at('../../checkpoints/resnet20-cifar10/resnet20.safetensors').pathname);
  const data = new Map<Tensor, Float64Array>([[x, pixels(count)]]);
  const saved = model.parameters.filter(({ kind }) => kind !== 'counter');
  expect(file.names().sort()).toEqual(saved.map(({ name }) => name).sort());
  for (const { name, kind, shape } of saved) {
    expect(file.info(name).shape).toEqual(shape);
    const tensor = (kind === 'parameter' ? graph.parameters : graph.states).get(name);
    data.set(defined(tensor, name), Float64Array.from(await file.read(name)));
  }
  await file.close();
  return { model, graph, nodes: graph.nodes, x, logits, data };
}

function classesOf(logits: ArrayLike<number>): number[] {
  return Array.from({ length: logits.length / 10 }, (_, i) => {
    const row = Array.from(logits).slice(10 * i, 10 * i + 10);
    return row.indexOf(Math.max(...row));
  });
}

describe('trained ResNet-20', () => {
  it('gives the logits of PyTorch in float64', async () => {
    const { graph, data, logits } = await recorded(1);
    const values = new Map([...data].map(([tensor, value]) => [tensor.id, value]));
    interpret(graph.nodes, values);
    const result = defined(values.get(logits.id), 'logits');
    expect(relativeError(result, golden.logits[0] as number[])).toBeLessThan(1e-8);
  });

  // Software adapters compile for seconds, on a busy machine for much longer.
  it.each(adapters)('gives them on %s', { timeout: 900_000 }, async (kind) => {
    const run = await recorded(golden.labels.length);
    await withProgram(kind, run, [run.logits], async (read) => {
      const result = await read(run.logits);
      expect(relativeError(result, golden.logits.flat())).toBeLessThan(1e-4);
      expect(classesOf(result)).toEqual(golden.labels);
    });
  });
});
