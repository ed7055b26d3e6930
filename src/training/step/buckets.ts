import { paddedElems, type FlatLayout, type Slice } from '../../execution/store.ts';
import { accumulate } from '../../ops/accumulate/op.ts';
import { f32 } from '../../ops/tensor.ts';
import { Graph, type Tensor } from '../../graph/graph.ts';
import { planNodes, type Plan } from '../../execution/plan.ts';
import { Program, type Location } from '../../execution/program.ts';
import type { Device } from '../../device/device.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { defined } from '../../util/errors.ts';

/** Elements of a bucket: large enough for a link's full rate, small enough that one is computed while another travels. */
const BUCKET = 2 ** 20;

/** Cuts the chunks of a layout into pieces, each of which is summed by itself. @param most elements of a piece */
export function bucketsOf({ chunks }: FlatLayout, most = BUCKET): Slice[] {
  return chunks.flatMap((total, chunk) => {
    const count = Math.max(1, Math.ceil(total / most));
    const size = paddedElems(total / count);
    return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
      chunk,
      offset: i * size,
      elems: Math.min(size, total - i * size),
    }));
  });
}

/** A stretch of a step's dispatches, and the buckets whose gradients are whole after it. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly buckets: readonly number[];
}

/** Cuts a step where the gradients of buckets become whole, in the order in which they do. */
export function stretchesOf({ steps }: Plan, { slices }: FlatLayout, buckets: readonly Slice[]): Stretch[] {
  const wholeAfter = new Array<number>(buckets.length).fill(0);
  let dispatches = 0;
  for (const { node, dispatches: own } of steps) {
    dispatches += own.length;
    for (const { stored } of Object.values(node.outputs)) {
      const slice = stored?.store === 'gradient' ? slices.get(String(stored.member)) : undefined;
      if (slice === undefined) continue;
      for (const [i, bucket] of buckets.entries()) if (overlap(slice, bucket)) wholeAfter[i] = dispatches;
    }
  }
  const ends = [...new Set([...wholeAfter, dispatches])].sort((a, b) => a - b);
  return ends.map((to, i) => ({
    from: ends[i - 1] ?? 0,
    to,
    buckets: [...buckets.keys()].filter((bucket) => wholeAfter[bucket] === to),
  }));
}

function overlap(a: Slice, b: Slice): boolean {
  return a.chunk === b.chunk && a.offset < b.offset + b.elems && b.offset < a.offset + a.elems;
}

/** The halves of a piece; the second may be empty. */
export function halvesOf({ chunk, offset, elems }: Slice): readonly [Slice, Slice] {
  const first = Math.min(elems, paddedElems(elems / 2));
  return [
    { chunk, offset, elems: first },
    { chunk, offset: offset + first, elems: elems - first },
  ];
}

/** One addition of vectors of equal length: `to` += `from`. They lie in different buffers. */
export interface Addition {
  readonly elems: number;
  readonly from: Location;
  readonly to: Location;
}

/** The one place where gradients of shards are added, on the device: there denormal numbers may be zeros, on the host they are not. */
export async function additions(
  device: Device,
  pipelines: PipelineCache,
  list: readonly Addition[],
  label: string,
): Promise<Program> {
  const graph = new Graph();
  const at = (store: 'from' | 'to', member: number, elems: number): Tensor =>
    graph.stored('gradient', f32(elems), { store, member });
  list.forEach(({ elems }, i) => {
    graph.push({
      op: accumulate,
      attrs: {},
      inputs: { x: at('from', i, elems) },
      outputs: { out: at('to', i, elems) },
      direction: 'backward',
      scope: label,
      accumulates: ['out'],
    });
  });
  const plan = planNodes(graph.nodes, { profile: device.profile, kept: [] });
  const locate = ({ stored }: Tensor): Location | undefined => {
    if (stored === undefined) return undefined;
    const { from, to } = defined(list[Number(stored.member)], 'addition');
    return stored.store === 'from' ? from : to;
  };
  return Program.build(device, pipelines, plan, locate, label);
}
