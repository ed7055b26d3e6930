/** A value's claim on memory: its size, the steps it lives through, and those that bind it. */
export interface Interval {
  readonly bytes: number;
  readonly from: number;
  to: number;
  /** Ascending. */
  readonly uses: number[];
  /** Where it is put: a buffer, and the byte it begins at. */
  buffer: number;
  offset: number;
}

export function makeInterval(bytes: number, step: number): Interval {
  return { bytes, from: step, to: step, uses: [step], buffer: -1, offset: 0 };
}

/** Offsets that WebGPU binds at (`minStorageBufferOffsetAlignment`). */
const ALIGN = 256;

/**
 * Gives every interval a place in a pool of buffers and returns the buffers' sizes. Intervals are placed largest first (of equal
 * ones, the longest-lived first), each into the tightest gap that is free during its life, or else into a new buffer.
 *
 * Values that are alive together may lie side by side in one buffer unless a step binds both: WebGPU forbids reading and
 * writing one buffer in the same dispatch, even at disjoint ranges.
 */
export function assignPool(intervals: readonly Interval[]): number[] {
  const sizes: number[] = [];
  const tenants: Interval[][] = [];
  const life = ({ from, to }: Interval) => to - from;
  const order = [...intervals].sort((a, b) => b.bytes - a.bytes || life(b) - life(a));
  for (const interval of order) {
    const need = Math.max(ALIGN, Math.ceil(interval.bytes / ALIGN) * ALIGN);
    let best = { buffer: -1, offset: 0, gap: Infinity };
    for (const [buffer, size] of sizes.entries()) {
      const others = (tenants[buffer] as Interval[]).filter(
        ({ from, to }) => from <= interval.to && interval.from <= to,
      );
      if (others.some((other) => meet(other, interval))) continue;
      for (const { offset, gap } of gaps(others, size))
        if (gap >= need && gap < best.gap) best = { buffer, offset, gap };
    }
    if (best.buffer < 0) {
      best = { buffer: sizes.push(need) - 1, offset: 0, gap: need };
      tenants.push([]);
    }
    interval.buffer = best.buffer;
    interval.offset = best.offset;
    (tenants[best.buffer] as Interval[]).push(interval);
  }
  return sizes;
}

/** Whether a step binds both. */
function meet(a: Interval, b: Interval): boolean {
  return a.uses.some((step) => b.uses.includes(step));
}

/** What is free between tenants of a buffer. */
function* gaps(tenants: readonly Interval[], size: number): Generator<{ offset: number; gap: number }> {
  let offset = 0;
  for (const tenant of [...tenants].sort((a, b) => a.offset - b.offset)) {
    yield { offset, gap: tenant.offset - offset };
    offset = Math.max(offset, Math.ceil((tenant.offset + tenant.bytes) / ALIGN) * ALIGN);
  }
  yield { offset, gap: size - offset };
}

/** Most bytes that are alive at once. */
export function peakBytes(intervals: readonly Interval[], steps: number): number {
  const change = new Float64Array(steps + 2);
  for (const { bytes, from, to } of intervals) {
    change[from] = (change[from] as number) + bytes;
    change[to + 1] = (change[to + 1] as number) - bytes;
  }
  let live = 0;
  return change.reduce((most, delta) => Math.max(most, (live += delta)), 0);
}
