import { duration } from '../training/log/reporter.ts';
import type { RunWatch } from './run-watch.ts';
import type { RunHead, RunState } from './wire.ts';

/** Points of all runs together that a page draws without effort. */
const POINTS = 24_000;
const [LEAST, MOST] = [100, 1500];

/** Most points of a run beside so many others. */
export function pointsFor(runs: number): number {
  return Math.max(LEAST, Math.min(MOST, Math.floor(POINTS / Math.max(1, runs))));
}

export function headOf(run: RunWatch, id: number): RunHead {
  const { series, summary, looks, checkpoint } = run;
  const { lastStep: step } = series;
  const steps = summary?.steps ?? looks.training?.steps ?? null;
  const state = stateOf(run);
  const rate = series.recentRate() ?? null;
  const batch = looks.training?.batch;
  const isGoingOn = state === 'training' && steps !== null && rate !== null && batch !== undefined;
  return {
    id,
    name: run.name,
    path: run.folder.root,
    state,
    step,
    steps,
    stepsPerEpoch: looks.training?.stepsPerEpoch ?? null,
    epochs: looks.training?.epochs ?? null,
    loss: series.latest('loss') ?? null,
    lr: series.latest('lr') ?? null,
    gradNorm: series.latest('gradNorm') ?? null,
    imagesPerSecond: rate,
    secondsLeft: isGoingOn ? ((steps - step) * batch) / rate : null,
    changed: run.changed ?? null,
    checkpoint: checkpoint ?? null,
    evaluations: run.evaluations.map(({ step: at, weights, top1, top5, loss, count, skipped }) => ({
      step: at,
      weights,
      top1,
      top5,
      loss,
      count,
      skipped,
    })),
    facts: factsOf(run),
    notes: run.notes,
    looksVersion: run.looksVersion,
  };
}

function stateOf({ summary, holder, series }: RunWatch): RunState {
  if (holder !== undefined) return series.length === 0 ? 'waiting' : 'training';
  return summary?.outcome ?? 'stopped';
}

function factsOf({ identity, looks, summary, folder }: RunWatch): [string, string][] {
  const { training } = looks;
  return [
    ...(training === undefined
      ? []
      : ([
          ['recipe', training.recipe],
          ['model', training.model],
          ['classes', String(training.classes.length)],
          ['batch', String(training.batch)],
          ['epochs', `${training.epochs} of ${training.stepsPerEpoch} steps`],
        ] as [string, string][])),
    ...(summary === undefined ? [] : ([['time', duration(summary.seconds)]] as [string, string][])),
    ...(identity === undefined
      ? []
      : ([
          ['adapter', `${identity.adapter.description || identity.adapter.name} (${identity.adapter.kind})`],
          [
            'software',
            `largekernel ${identity.largekernel}, webgpu ${identity.webgpu}, Node ${identity.node}`,
          ],
          ['processor', identity.cpu],
          ['recipe hash', identity.recipeHash],
        ] as [string, string][])),
    ['folder', folder.root],
  ];
}

/** Evaluations of one set of weights, by step. */
export function evaluationsOf({ evaluations }: RunHead, weights: 'raw' | 'ema'): RunHead['evaluations'] {
  return evaluations.filter((each) => each.weights === weights);
}
