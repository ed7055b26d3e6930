/** What several ranks cost: a model of the time that their gradients travel. */
import type { TrainingPlan } from '../step/training-plan.ts';
import { bucketsOf } from '../step/buckets.ts';

/** Ranks and their link. */
export interface Links {
  readonly ranks: number;
  /** Of one rank to the others, one way, in GB/s; both ways are used at once. */
  readonly gigabytesPerSecond: number;
}

export interface Communication extends Links {
  /** Of one rank in one step: what it sends, which is as much as it receives. */
  readonly bytes: number;
  readonly messages: number;
  /** Time that they travel. */
  readonly seconds: number;
  /** Of a rank in one step, without communication; null where no rate is known. */
  readonly computeSeconds: number | null;
  /** What of the communication nothing is computed beside. */
  readonly exposedSeconds: number | null;
  /** Images in a second beside those of as many ranks that need not talk. */
  readonly efficiency: number | null;
}

/** The part of a micro-batch's time that its backward pass takes. */
const BACKWARD = 2 / 3;

/**
 * Reduction by halving and gathering by doubling move 2 · (1 − 1/W) times the gradient, statistics of BatchNorm (1 − 1/W) times theirs. Buckets travel
 * while the backward pass of a rank's last micro-batch computes the next ones. The last two have nothing beside them: on the device's queue the sum of
 * the last but one waits behind the computation of the last.
 * @param rate training images of one rank in a second, where it is known
 */
export function communicationOf(plan: TrainingPlan, links: Links, rate: number | undefined): Communication {
  const { ranks, gigabytesPerSecond } = links;
  const { layout, batch, micro, statistics, stateLayout } = plan;
  const bytesOf = (chunks: readonly number[]) => 4 * chunks.reduce((sum, elems) => sum + elems, 0);
  const others = 1 - 1 / ranks;
  const buckets = bucketsOf(layout).length;
  const records = statistics === undefined ? 0 : (bytesOf(stateLayout.chunks) * batch) / micro;
  const bytes = others * (2 * bytesOf(layout.chunks) + records);
  const levels = Math.log2(ranks);
  const messages = levels * (2 * buckets + (records > 0 ? 1 : 0));
  const seconds = bytes / (1e9 * gigabytesPerSecond);
  if (rate === undefined)
    return {
      ...links,
      bytes,
      messages,
      seconds,
      computeSeconds: null,
      exposedSeconds: null,
      efficiency: null,
    };
  const computeSeconds = batch / ranks / rate;
  const beside = (BACKWARD * micro) / rate;
  const exposedSeconds = Math.max(seconds - beside, (seconds * Math.min(2, buckets)) / buckets);
  const efficiency = computeSeconds / (computeSeconds + exposedSeconds);
  return { ...links, bytes, messages, seconds, computeSeconds, exposedSeconds, efficiency };
}

/** For people. */
export function communicationRows(c: Communication): [string, string][] {
  const ms = (seconds: number) => `${Number((1000 * seconds).toPrecision(3))} ms`;
  return [
    ['ranks', `${c.ranks}, linked at ${c.gigabytesPerSecond} GB/s`],
    [
      'sent by a rank, one step',
      `${(c.bytes / 2 ** 20).toFixed(1)} MiB in ${c.messages} messages: ${ms(c.seconds)}`,
    ],
    [
      'expected efficiency',
      c.efficiency === null || c.exposedSeconds === null || c.computeSeconds === null
        ? 'unknown: --measure, --for or --images-per-second gives the rate of one rank'
        : `${(100 * c.efficiency).toFixed(1)} %: ${ms(c.exposedSeconds)} of it beside no computation, after ${ms(c.computeSeconds)} of computation`,
    ],
  ];
}
