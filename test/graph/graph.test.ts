import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { prune } from '../../src/graph/prune.ts';
import { recompute } from '../../src/graph/recompute.ts';
import { DEFAULT_PROFILE } from '../../src/device/profile.ts';
import { adapters, compare, deviceFor, randomData } from '../ops/harness.ts';
import { type Plan, planNodes } from '../../src/execution/plan.ts';
import { Program } from '../../src/execution/program.ts';
import { FlatStore, layoutFlat, locateIn } from '../../src/execution/store.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { add } from '../../src/ops/add/op.ts';
import { gelu } from '../../src/ops/gelu/op.ts';
import { bytesOf, f32 } from '../../src/ops/tensor.ts';

/** y = gelu(gelu(x + w) + w) … `depth` times, in scopes block.0, block.1, … */
function chain(depth: number, recomputes: boolean) {
  const graph = new Graph();
  const x = graph.input('x', f32(5, 7));
  const w = graph.parameter('w', [5, 7]);
  let h: Tensor = x;
  for (let i = 0; i < depth; i++) {
    const scope = `block.${i}`;
    h = graph.scoped(scope, () =>
      graph.asBlock(() => {
        const inner = graph.one(gelu, { x: graph.one(add, { a: h, b: w }, {}) }, {});
        return graph.one(gelu, { x: graph.one(add, { a: inner, b: h }, {}) }, {});
      }),
    );
    graph.tap(scope, h);
  }
  const seed = graph.input('seed', f32(5, 7));
  const gradients = differentiate(graph, h, seed, { tensors: [x] });
  const nodes = recomputes ? recompute(graph, graph.nodes, new Set(), 'blocks') : graph.nodes;
  return { graph, nodes, x, w, y: h, seed, gradients };
}

function interpretChain(c: ReturnType<typeof chain>, data: Float64Array[]): Map<number, Float64Array> {
  const values = new Map([
    [c.x.id, data[0]!],
    [c.w.id, data[1]!],
    [c.seed.id, data[2]!],
  ]);
  interpret(c.nodes, values);
  return values;
}

const plan = (nodes: Parameters<typeof planNodes>[0], kept: Tensor[]): Plan =>
  planNodes(nodes, { profile: DEFAULT_PROFILE, kept });

const data = randomData([f32(5, 7), f32(5, 7), f32(5, 7)], 9);

describe('autodiff', () => {
  it('sums the gradients of a parameter used in many places', () => {
    const c = chain(3, false);
    const gradient = interpretChain(c, data).get(c.gradients.parameters.get('w')!.id)!;
    const loss = (delta: number, e: number) => {
      const w = Float64Array.from(data[1]!, (v, i) => (i === e ? v + delta : v));
      const values = interpretChain(c, [data[0]!, w, data[2]!]);
      return values.get(c.y.id)!.reduce((sum, v, i) => sum + v * data[2]![i]!, 0);
    };
    for (const e of [0, 17, 34]) expect(gradient[e]).toBeCloseTo((loss(1e-5, e) - loss(-1e-5, e)) / 2e-5, 6);
  });

  it('gives the same gradients with recompute, in less memory', () => {
    const kept = (c: ReturnType<typeof chain>) => [c.y, c.gradients.tensors[0]!];
    const [plain, again] = [chain(8, false), chain(8, true)];
    const [a, b] = [interpretChain(plain, data), interpretChain(again, data)];
    expect(b.get(again.gradients.tensors[0]!.id)).toEqual(a.get(plain.gradients.tensors[0]!.id));
    const bytes = [plain, again].map((c) => {
      const nodes = prune(c.nodes, new Set(kept(c).map((t) => t.id)));
      return plan(nodes, kept(c)).buffers.reduce((sum, n) => sum + n, 0);
    });
    expect(bytes[1]).toBeLessThan(bytes[0]! * 0.7);
  });

  it('refuses a loss that depends on nothing', () => {
    const graph = new Graph();
    const y = graph.one(gelu, { x: graph.input('x', f32(3)) }, {});
    expect(() => differentiate(graph, y, graph.input('seed', f32(3)))).toThrow(/depends on no parameter/);
  });
});

describe('plan', () => {
  it.each([false, true])('overwrites nothing that is still needed (recompute %s)', (recomputes) => {
    const c = chain(6, recomputes);
    const kept = [c.y];
    const nodes = prune(c.nodes, new Set(kept.map((t) => t.id)));
    const { placement, buffers, lowerBoundBytes } = plan(nodes, kept);
    /** Tensor that owns each 256 bytes of each buffer. */
    const owners = buffers.map((bytes) => new Int32Array(bytes / 256).fill(-1));
    const blocksOf = (tensor: Tensor) => {
      const { buffer, offset } = placement.get(tensor.id)!;
      return owners[buffer]!.subarray(offset / 256, Math.ceil((offset + bytesOf(tensor.spec)) / 256));
    };
    const isWhole = (tensor: Tensor) => blocksOf(tensor).every((id) => id === tensor.id);
    const placed = (tensors: Readonly<Record<string, Tensor>>) =>
      Object.values(tensors).filter(({ id }) => placement.has(id));
    for (const { inputs, outputs } of nodes) {
      expect(placed(inputs).every(isWhole)).toBe(true);
      const read = placed(inputs).map(({ id }) => placement.get(id)!.buffer);
      for (const tensor of placed(outputs)) {
        expect(read).not.toContain(placement.get(tensor.id)!.buffer);
        blocksOf(tensor).fill(tensor.id);
      }
    }
    expect(isWhole(c.y)).toBe(true);
    expect(buffers.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(lowerBoundBytes);
  });

  it('refuses a tensor larger than a binding and names it', () => {
    const graph = new Graph();
    const y = graph.one(gelu, { x: graph.input('x', f32(1 << 26)) }, {});
    expect(() => plan(graph.nodes, [y])).toThrow(/gelu.*67108864.*268435456 bytes.*134217728/s);
  });
});

describe('layoutFlat', () => {
  it('aligns members, keeps groups together and cuts chunks', () => {
    const members = [
      { name: 'a', shape: [100], group: 'decay' },
      { name: 'b', shape: [3], group: 'plain' },
      { name: 'c', shape: [65, 2], group: 'decay' },
    ];
    const layout = layoutFlat(members, 1024);
    expect(layout.chunks).toEqual([128, 256]);
    expect(layout.slices.get('c')).toEqual({ chunk: 1, offset: 0, elems: 130 });
    expect(layout.slices.get('b')).toEqual({ chunk: 1, offset: 192, elems: 3 });
    expect(layout.ranges.map((r) => `${r.group} ${r.chunk}:${r.offset}+${r.elems}`)).toEqual([
      'decay 0:0+128',
      'decay 1:0+192',
      'plain 1:192+64',
    ]);
    expect(() => layoutFlat([{ name: 'big', shape: [1000], group: 'g' }], 1024)).toThrow(/big/);
  });
});

describe.each(adapters)('program on %s', (kind) => {
  it('computes what the interpreter computes, accumulates, and repeats bit for bit', async () => {
    const { device, pipelines } = await deviceFor(kind);
    const c = chain(4, true);
    const dx = c.gradients.tensors[0]!;
    const kept = [c.y, dx, c.graph.taps.get('block.1')!];
    const planned = plan(prune(c.nodes, new Set(kept.map((t) => t.id))), kept);
    const layout = layoutFlat([{ name: 'w', shape: [5, 7], group: 'g' }], 1 << 20);
    const stores = {
      parameter: new FlatStore(device, 'parameter', layout),
      gradient: new FlatStore(device, 'gradient', layout),
    };
    stores.parameter.write('w', Float32Array.from(data[1]!));
    const program = await Program.build(device, pipelines, planned, locateIn(stores), 'test');
    program.write('x', Float32Array.from(data[0]!));
    program.write('seed', Float32Array.from(data[2]!));
    program.run();
    const values = interpretChain(c, data);
    for (const tensor of kept)
      compare(tensor.name, await program.read(tensor), values.get(tensor.id)!, 1e-12, 1e-5);
    const once = await stores.gradient.read('w');
    compare('dw', once, values.get(c.gradients.parameters.get('w')!.id)!, 1e-12, 1e-5);
    const first = await program.read(dx);
    program.run();
    expect(await program.read(dx)).toEqual(first);
    compare(
      '2 dw',
      await stores.gradient.read('w'),
      once.map((v) => 2 * v),
      1e-12,
      1e-5,
    );
    expect(() => program.write('x', new Float32Array(3))).toThrow(/35 elements, got 3/);
    program.destroy();
  });
});
