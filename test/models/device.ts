import { fuse } from '../../src/graph/fusion.ts';
import { defined } from '../../src/util/errors.ts';
import { deviceFor } from '../ops/harness.ts';
import type { Read, Recorded } from './golden.ts';
import { planNodes } from '../../src/execution/plan.ts';
import { Program } from '../../src/execution/program.ts';
import { FlatStore, layoutFlat, locateIn } from '../../src/execution/store.ts';
import type { Tensor } from '../../src/graph/graph.ts';

/** Runs recorded nodes once on an adapter, fused as in training, and gives a reader of `kept` values, gradients and states to `use`. */
export async function withProgram(
  kind: string,
  { graph, data }: Recorded,
  kept: readonly Tensor[],
  use: (read: Read) => Promise<void>,
): Promise<void> {
  const { device, pipelines } = await deviceFor(kind);
  const store = (name: string, tensors: Iterable<Tensor>) =>
    new FlatStore(
      device,
      name,
      layoutFlat(
        [...tensors].map((tensor) => ({ name: tensor.name, shape: tensor.spec.shape, group: 'all' })),
        device.limits.maxStorageBufferBindingSize,
      ),
    );
  const stores = {
    parameter: store('parameters', graph.parameters.values()),
    gradient: store('gradients', graph.parameters.values()),
    state: store('states', graph.states.values()),
  };
  const ids = new Set(kept.map((tensor) => tensor.id));
  const nodes = fuse(graph.nodes, ids);
  const plan = planNodes(nodes, { profile: device.profile, kept });
  const program = await Program.build(device, pipelines, plan, locateIn(stores), 'golden');
  const owner = (tensor: Tensor): FlatStore =>
    defined(stores[tensor.kind as keyof typeof stores], `store of ${tensor.name}`);
  try {
    for (const [tensor, values] of data) {
      const floats = Float32Array.from(values);
      if (tensor.kind !== 'input') owner(tensor).write(tensor.name, floats);
      else if (program.has(tensor.name)) program.write(tensor.name, floats);
    }
    await device.guard('golden', () => program.run());
    // Each wait for the device is dear on a busy machine: one for a store, not one for a tensor.
    const results = new Map<Tensor['kind'], Map<string, Float32Array>>();
    for (const kept of ['gradient', 'state'] as const) results.set(kept, await stores[kept].readAll());
    await use((tensor) => results.get(tensor.kind)?.get(tensor.name) ?? program.read(tensor));
  } finally {
    program.destroy();
    for (const each of Object.values(stores)) each.destroy();
  }
}
