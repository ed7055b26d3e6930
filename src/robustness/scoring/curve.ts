/** Counts of the images at one ε of an attack. */
export interface AttackPoint {
  readonly eps: number;
  /** Still right after the attack, of all. Their share is robust accuracy; 1 minus it is the success rate over all images. */
  readonly correct: number;
  readonly total: number;
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** Right before the attack, and of those wrong after it: the success rate over images that were right. */
  readonly cleanCorrect: number;
  readonly flipped: number;
  readonly success: { readonly value: number; readonly low: number; readonly high: number } | null;
  readonly attacked: number;
  /** Attacked images that stayed as they were because their first gradient is exactly zero. */
  readonly untouched: number;
  /** Mean share of values of attacked images whose first gradient is exactly zero. */
  readonly zeros: number;
  /** Attacked images that are taken for the class that was chosen. */
  readonly hit?: number;
  /** The largest change of a value, and the mean length of changes. */
  readonly linf: number;
  readonly l2: number;
  /** AutoAttack only: images still right after each of its attacks, in their order. */
  readonly standing?: Readonly<Record<string, number>>;
  /** TAIG only: mean and largest share by which attributions miss the difference of logits. */
  readonly completeness?: { readonly mean: number; readonly max: number };
}

/** A value of a curve with its counts and intervals. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  /** 95 % interval. */
  readonly low?: number;
  readonly high?: number;
  /** Smallest and largest over repetitions: other patterns, other blocks. */
  readonly min?: number;
  readonly max?: number;
  /** Right predictions of all, summed over repetitions. */
  readonly correct?: number;
  readonly total?: number;
  /** Against the unchanged images, of the same images one by one, with its 95 % interval. */
  readonly change?: { readonly value: number; readonly low: number; readonly high: number };
  /** What became of the images; attacks only. */
  readonly attack?: AttackPoint;
}

/** Points along x. */
export interface Curve {
  /** E.g. `salient`; with the model's name it names a line. */
  readonly name: string;
  /** The figure it belongs to. */
  readonly plot: string;
  /** Drawn only where nothing else is: one of many, such as the kernels of all blocks. */
  readonly isDetail?: true;
  readonly points: readonly CurvePoint[];
}

/** A figure of curves: models side by side. */
export interface Plot {
  readonly id: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  /** What is drawn: the value, or the change against the unchanged images. Default `y`. */
  readonly value?: 'y' | 'change';
  /** What the band is: the interval, or smallest and largest over repetitions. Default `interval`. */
  readonly band?: 'interval' | 'range';
  /** Default: what the data need. */
  readonly yMin?: number;
  readonly yMax?: number;
  /** Curves of many points. */
  readonly isDense?: true;
  /** A metric of the result that papers give, and where on the x axis. */
  readonly published?: { readonly metric: string; readonly x: number };
}
