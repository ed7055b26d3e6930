import { FrameworkError, nearest } from '../../util/errors.ts';
import type { Analysis } from './analysis.ts';
import { attentionDistances } from './attention-distance.ts';
import { erf } from './erf.ts';
import { frequency } from './frequency.ts';
import { kernelDistance } from './kernel-distance.ts';
import { lesion } from './lesion.ts';
import { occlusion } from './occlusion.ts';
import { shapeBias } from './shape-bias.ts';
import { variance } from './variance.ts';

/** Every analysis, in the order of the paper. */
export const ANALYSES: readonly Analysis[] = [
  occlusion,
  lesion,
  frequency,
  kernelDistance,
  attentionDistances,
  variance,
  erf,
  shapeBias,
];

/** Whether a result of this id is an analysis's. */
export function isAnalysis(id: string): boolean {
  return ANALYSES.some((analysis) => analysis.id === id);
}

/** @throws FrameworkError `analysis/unknown` */
export function findAnalysis(id: string): Analysis {
  const found = ANALYSES.find((analysis) => analysis.id === id);
  if (found !== undefined) return found;
  const ids = ANALYSES.map((analysis) => analysis.id);
  const near = nearest(id, ids);
  throw new FrameworkError('analysis/unknown', `There is no analysis named ${id}.`, {
    hint: near === undefined ? `Known: ${ids.join(', ')}.` : `Did you mean ${near}?`,
  });
}
