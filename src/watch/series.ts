/** Curves of a run: every step is kept, and shown in buckets where there are more steps than points. */
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import type { Buckets, Points, SeriesName } from './wire.ts';

export const SERIES: readonly SeriesName[] = ['loss', 'lr', 'gradNorm', 'imagesPerSecond'];

type StepRecord = MetricsRecord & { readonly kind: 'step' };

export class StepSeries {
  private steps = new Float64Array(1024);
  private readonly values = Object.fromEntries(
    SERIES.map((name) => [name, new Float64Array(1024)]),
  ) as Record<SeriesName, Float64Array>;
  length = 0;

  /** Values that are no numbers count as missing. Steps ascend. */
  add(record: StepRecord): void {
    const i = this.length;
    if (i === this.steps.length) this.grow();
    this.steps[i] = record.step;
    for (const name of SERIES) {
      const value: unknown = record[name];
      this.values[name][i] = typeof value === 'number' ? value : NaN;
    }
    this.length++;
  }

  clear(): void {
    this.length = 0;
  }

  get lastStep(): number {
    return this.length === 0 ? 0 : (this.steps[this.length - 1] as number);
  }

  /** The latest value that is a number. */
  latest(name: SeriesName): number | undefined {
    for (let i = this.length - 1; i >= 0; i--) {
      const value = this.values[name][i] as number;
      if (Number.isFinite(value)) return value;
    }
    return undefined;
  }

  /** Harmonic mean of the last rates: images over time. */
  recentRate(count = 50): number | undefined {
    let [sum, n] = [0, 0];
    for (let i = Math.max(0, this.length - count); i < this.length; i++) {
      const value = this.values.imagesPerSecond[i] as number;
      if (!(value > 0)) continue;
      sum += 1 / value;
      n++;
    }
    return n === 0 ? undefined : n / sum;
  }

  /** Values that are no numbers, of losses and gradients. */
  get missing(): { readonly loss: number; readonly gradNorm: number } {
    const count = (name: SeriesName) =>
      this.values[name].subarray(0, this.length).filter(Number.isNaN).length;
    return { loss: count('loss'), gradNorm: count('gradNorm') };
  }

  /** Steps of a bucket so that there are at most `most` buckets. */
  strideFor(most: number): number {
    return 2 ** Math.max(0, Math.ceil(Math.log2(this.lastStep / most)));
  }

  /** @param since only buckets that hold steps after this one */
  points(stride: number, since = 0): Points {
    const first = Math.floor(since / stride);
    let i = this.indexAfter(first * stride);
    const from = first === 0 ? 0 : this.bucketsBefore(first * stride, stride);
    const x: number[] = [];
    const series = Object.fromEntries(
      SERIES.map((name) => [name, stride === 1 ? { y: [] } : { y: [], low: [], high: [] }]),
    ) as unknown as Record<SeriesName, Required<Buckets>>;
    while (i < this.length) {
      const end = Math.ceil((this.steps[i] as number) / stride) * stride;
      let to = i;
      while (to < this.length && (this.steps[to] as number) <= end) to++;
      x.push(Math.min(end, this.steps[to - 1] as number));
      for (const name of SERIES) push(series[name], this.values[name], i, to);
      i = to;
    }
    return { from, stride, x, series };
  }

  /** Index of the first record after a step. */
  private indexAfter(step: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.steps[middle] as number) <= step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Buckets that hold a record up to a step; gaps in a damaged log make fewer. */
  private bucketsBefore(step: number, stride: number): number {
    let count = 0;
    let last = -1;
    const end = this.indexAfter(step);
    for (let i = 0; i < end; i++) {
      const bucket = Math.ceil((this.steps[i] as number) / stride);
      if (bucket !== last) count++;
      last = bucket;
    }
    return count;
  }

  private grow(): void {
    const longer = (old: Float64Array) => {
      const array = new Float64Array(2 * old.length);
      array.set(old);
      return array;
    };
    this.steps = longer(this.steps);
    for (const name of SERIES) this.values[name] = longer(this.values[name]);
  }
}

function push(
  { y, low, high }: Partial<Buckets> & { y: (number | null)[] },
  values: Float64Array,
  from: number,
  to: number,
): void {
  let [sum, count, least, most] = [0, 0, Infinity, -Infinity];
  for (let i = from; i < to; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  y.push(count === 0 ? null : short(sum / count));
  low?.push(count === 0 ? null : short(least));
  high?.push(count === 0 ? null : short(most));
}

/** Five digits are more than a screen shows. */
function short(value: number): number {
  return Number(value.toPrecision(5));
}
