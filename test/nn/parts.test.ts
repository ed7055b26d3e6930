import { describe, expect, it } from 'vitest';
import { FlatStore, layoutFlat } from '../../src/execution/store.ts';
import { differentiate } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { conv2d, standardConv2d } from '../../src/nn/layers.ts';
import { Recording } from '../../src/nn/recording.ts';
import { f32, partNames } from '../../src/ops/tensor.ts';
import { defined } from '../../src/util/errors.ts';
import { formula } from '../models/formula.ts';
import { adapters, deviceFor } from '../ops/harness.ts';

/** Two convolutions whose weights lie in as many pieces as a binding of `largest` bytes asks for. */
function computed(largest: number | undefined) {
  const options = { kernel: 3, ...(largest === undefined ? {} : { largest }) };
  const graph = new Graph();
  const r = new Recording(graph, { training: true });
  const x = graph.input('x', f32(2, 3, 5, 4));
  const y = conv2d(r, 'b', standardConv2d(r, 'a', x, 6, options), 4, options);
  const seed = graph.input('seed', y.spec);
  const { parameters, tensors } = differentiate(graph, y, seed, { tensors: [x] });
  const values = new Map<number, Float64Array>();
  for (const { name, shape, parts } of r.specs.values()) {
    const whole = formula(name, shape);
    partNames(name, parts).forEach((part, i) => {
      const size = whole.length / (parts ?? 1);
      values.set(defined(graph.parameters.get(part), part).id, whole.slice(i * size, (i + 1) * size));
    });
  }
  values.set(x.id, formula('x', x.spec.shape));
  values.set(seed.id, formula('seed', y.spec.shape));
  interpret(graph.nodes, values);
  const of = (tensor: Tensor | undefined) => defined(values.get(defined(tensor, 'tensor').id), 'values');
  return {
    specs: [...r.specs.values()],
    y: of(y),
    dx: of(tensors[0]),
    gradients: [...r.specs.values()].map(({ name, parts }) =>
      partNames(name, parts).flatMap((part) => [...of(parameters.get(part))]),
    ),
  };
}

describe('a weight in pieces', () => {
  it('computes what the whole one does, and has its gradient', () => {
    const [whole, pieces] = [computed(undefined), computed(300)];
    // 648 and 864 bytes of weights.
    expect(pieces.specs.map(({ name, parts }) => [name, parts])).toEqual([
      ['a.weight', 3],
      ['b.weight', 4],
      ['b.bias', 4],
    ]);
    expect(whole.specs.every(({ parts }) => parts === undefined)).toBe(true);
    const close = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      Array.from(a).forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 10));
    close(pieces.y, whole.y);
    close(pieces.dx, whole.dx);
    pieces.gradients.forEach((gradient, i) => {
      close(gradient, whole.gradients[i]!);
    });
  });

  it.each(adapters)('is written and read as one on %s, where no buffer holds all of it', async (kind) => {
    const { device } = await deviceFor(kind);
    const members = [
      { name: 'a', shape: [3], group: 'g' },
      { name: 'b', shape: [4, 100], group: 'g', parts: 4 },
    ];
    expect(() => layoutFlat([{ name: 'b', shape: [4, 100], group: 'g' }], 1024)).toThrow(/one binding/);
    const store = new FlatStore(device, 'pieces', layoutFlat(members, 1024));
    try {
      expect(store.layout.chunks.every((elements) => elements <= 256)).toBe(true);
      const b = Float32Array.from({ length: 400 }, (_, i) => i);
      store.write('a', Float32Array.of(1, 2, 3));
      store.write('b', b);
      expect(await store.read('b')).toEqual(b);
      expect(Object.fromEntries(await store.readAll())).toEqual({ a: Float32Array.of(1, 2, 3), b });
      expect([store.has('b'), store.has('c')]).toEqual([true, false]);
    } finally {
      store.destroy();
    }
  });
});
