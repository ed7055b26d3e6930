import type * as looks from '../../src/training/look/looks.ts';
import type * as wire from '../../src/watch/wire.ts';

/** The scripts of the page share one scope. */
declare global {
  /** What the page is sent. */
  type Snapshot = wire.Snapshot;
  type RunView = wire.RunView;
  type RunChange = wire.RunChange;
  type Points = wire.Points;
  type SeriesName = wire.SeriesName;
  type Looks = wire.Looks;
  type EvaluationLook = looks.EvaluationLook;
  type KernelsLook = looks.KernelsLook;
  type TrainingLook = looks.TrainingLook;

  /** What is shown of the runs; see main.js. */
  interface State {
    runs: RunView[];
    /** Ids of the runs whose curves are drawn. */
    shown: Set<number>;
    /** 0 … 1 */
    smoothing: number;
    isLog: boolean;
    /** Ends of the steps that are drawn, where not all are. */
    zoom: readonly [number, number] | undefined;
  }

  /** A line of a chart. */
  interface Curve {
    run: RunView;
    x: readonly number[];
    y: readonly (number | null)[];
    /** Thin, unsmoothed, below its smoothed line. */
    isFaint?: boolean;
    isDashed?: boolean;
    hasPoints?: boolean;
    /** Ends of a band around the line. */
    low?: readonly (number | null)[] | undefined;
    high?: readonly (number | null)[] | undefined;
  }

  interface Chart {
    id: string;
    curvesOf: (run: RunView, state: State) => Curve[];
    format: (value: number) => string;
    canBeLog?: boolean;
  }
}
