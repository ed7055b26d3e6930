import type { Plot } from './curve.ts';
import type { Metric, Summary } from './metric.ts';
import type { Scorer, Tally } from './tally.ts';

/** What a scorer needs to know about the part and the model. */
export interface PartContext {
  readonly part: string;
  /** Logits of the model. */
  readonly classes: number;
  /** Frames apart that are compared: the difficulty of a perturbation that is no noise. */
  readonly step: number;
}

/** The tally of each part, in part order. */
export type PartTallies = readonly { readonly name: string; readonly tally: Tally }[];

export interface SummaryOptions {
  /** Divide by AlexNet's numbers; a text says why that would mean nothing. */
  readonly normalised: true | { readonly not: string };
  /** Added to the words of aggregates: where the images come from. */
  readonly origin: string;
  /** Top-1 error on clean images (fraction), for relative mCE, or why it is not known. */
  readonly clean: { readonly error: number; readonly of: string } | { readonly unknown: string };
}

/** What the report draws of a result; the result carries it. */
export interface ReportHooks {
  /** Metrics with a figure of their own, in order. */
  readonly figures: readonly string[];
  /** A metric of the parts `<name>/<x>` against x, one small figure per name; `clean/0`, where it is measured, begins all of them. */
  readonly curves?: { readonly metric: string; readonly over: string };
  /** Metrics of the rows in a table, models side by side: of each list the first that is there. */
  readonly rows?: { readonly by: string; readonly tables: readonly (readonly string[])[] };
  /** Figures of the result's curves. */
  readonly plots?: readonly Plot[];
}

/** How predictions become numbers: everything a benchmark's record refers to. */
export interface Scoring {
  /** A label is the place of a logit: the data must have the model's classes. */
  readonly labelsAreLogits: boolean;
  /** Scores items into tallies, which `addTallies` merges. */
  scorer(context: PartContext): Scorer;
  /** Metrics of one part alone. Empty if nothing in it could be scored. */
  partMetrics(tally: Tally): Metric[];
  /** The aggregates. Those that need a part which is not there are named with the reason, never guessed. */
  summarise(parts: PartTallies, options: SummaryOptions): Summary;
  readonly report: ReportHooks;
}

export const NOTHING_SCORED = 'no image could be scored';
