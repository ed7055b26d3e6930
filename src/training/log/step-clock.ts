/** Steps over which the rate is taken: results come in bursts. */
const RATE_STEPS = 8;

/** What a run's summary says of its speed. */
interface Totals {
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly firstStepSeconds?: number;
}

/** Times optimiser steps. Kernels compile at their first use on some adapters, so averages begin with the end of the first step. */
export class StepClock {
  private readonly now: () => number;
  private readonly start: number;
  private firstEnd: number | undefined;
  private lastEnd = 0;
  private steps = 0;
  /** When the latest results came, or when the device went back to training. */
  private times: number[];
  /** ms a step took lately; of the first one with what compiled in it. */
  recent = 0;

  /** @param now in ms */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.start = now();
    this.times = [this.start];
  }

  /** Notes that the next step's result came. */
  ended(): void {
    const now = this.now();
    const steps = this.times.push(now) - 1;
    this.recent = (now - (this.times[0] ?? 0)) / steps;
    this.steps++;
    this.lastEnd = now;
    this.firstEnd ??= now;
    if (this.steps === 1) this.times = [now];
    else if (steps >= RATE_STEPS) this.times.shift();
  }

  /** Work since the latest result does not count for the next step. */
  goOn(): void {
    this.times = [this.now()];
  }

  /** ms a step took, without the first; NaN until a second one ended. */
  get mean(): number {
    return this.steps > 1 ? (this.lastEnd - (this.firstEnd ?? NaN)) / (this.steps - 1) : NaN;
  }

  /** ms since the start. */
  get elapsed(): number {
    return this.now() - this.start;
  }

  /** ms from the start to the end of the first step, where others followed: what rates leave out. */
  get leftOut(): number | undefined {
    return this.steps > 1 ? (this.firstEnd ?? NaN) - this.start : undefined;
  }

  /**
   * The time since the start and the rate, without the first step where others followed.
   * @param steps that ended @param images of a step
   */
  totals(steps: number, images: number): Totals {
    const seconds = this.elapsed / 1000;
    if (this.leftOut === undefined) return { seconds, imagesPerSecond: (steps * images) / seconds };
    const firstStepSeconds = this.leftOut / 1000;
    const imagesPerSecond = ((steps - 1) * images) / (seconds - firstStepSeconds);
    return { seconds, imagesPerSecond, firstStepSeconds };
  }
}
