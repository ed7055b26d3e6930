/** The cost of a sweep's points, computed before anything runs. */
import { DATASETS, openDataset } from '../data/datasets.ts';
import type { Recipe } from '../recipe/schema.ts';
import { classCountOf, datasetOf } from '../training/data.ts';
import { fitPlan, type Target } from '../training/planning/fit.ts';
import { planReport } from '../training/planning/plan-report.ts';
import { trainedModel } from '../training/weights/recipe-model.ts';
import { stepsPerEpoch } from '../training/schedule.ts';
import { messageOf } from '../util/errors.ts';
import type { Node } from '../graph/graph.ts';
import { liveKernel } from '../ops/depthwise/op.ts';

/** The large depthwise kernel of one stage. */
export interface StageKernel {
  readonly stage: number;
  /** Height and width of the stage's maps. */
  readonly map: readonly [number, number];
  readonly nominal: readonly [number, number];
  /** Taps that can meet the image: min(k, 2·side − 1) each way. */
  readonly effective: readonly [number, number];
}

export interface PointCost {
  readonly parameters: number;
  readonly memoryBytes: number;
  readonly micro: number;
  /** Multiply-adds of one image, forward. */
  readonly macs: { readonly nominal: number; readonly live: number };
  readonly stepMacs: { readonly nominal: number; readonly live: number };
  readonly stages: readonly StageKernel[];
}

/** Cost of a recipe. @throws FrameworkError `plan/too-large` if it does not fit the target */
export function costOf(recipe: Recipe, target: Target, classes: number): PointCost {
  const plan = fitPlan(recipe, trainedModel(recipe, classes), target);
  const report = planReport(recipe, plan);
  return {
    parameters: report.parameters,
    memoryBytes: report.memory.total,
    micro: report.micro,
    macs: report.macs,
    stepMacs: report.stepMacs,
    stages: stageKernels(plan.evaluation.graph.nodes),
  };
}

/** The largest depthwise kernel of each stage of a recorded model; empty for models without any. */
export function stageKernels(nodes: readonly Node[]): StageKernel[] {
  const stages = new Map<number, StageKernel>();
  for (const { op, inputs } of nodes) {
    const { x, weight } = inputs;
    const stage = Number(/^stages\.(\d+)\./.exec(weight?.name ?? '')?.[1] ?? NaN);
    if (op.name !== 'depthwise' || x === undefined || weight === undefined || Number.isNaN(stage)) continue;
    const [n = 0, c = 0, h = 0, w = 0] = x.spec.shape;
    const [, , kh = 0, kw = 0] = weight.spec.shape;
    const before = stages.get(stage);
    if (before !== undefined && before.nominal[0] * before.nominal[1] >= kh * kw) continue;
    const live = liveKernel({ n, c, h, w, kh, kw });
    stages.set(stage, { stage, map: [h, w], nominal: [kh, kw], effective: [live.kh, live.kw] });
  }
  return [...stages.values()].sort((a, b) => a.stage - b.stage);
}

/** `31-29-27-13`; `51×5` where a kernel is not square. */
export function showKernels(stages: readonly StageKernel[], which: 'nominal' | 'effective'): string {
  const one = ([kh, kw]: readonly [number, number]) => (kh === kw ? String(kh) : `${kh}×${kw}`);
  return stages.length === 0 ? '–' : stages.map((stage) => one(stage[which])).join('-');
}

/** What is known of the training images. */
export interface TrainingImages {
  /** As published where they are not there; undefined where nothing says. */
  readonly count: number | undefined;
  readonly classes: number;
  /** Why they could not be counted. */
  readonly problem: string | undefined;
}

/** Opens the recipe's training set for its counts. Recipes of one sweep mostly share it, so results are kept in `known`. */
export async function trainingImages(
  recipe: Recipe,
  known: Map<string, TrainingImages>,
): Promise<TrainingImages> {
  const { dataset: name, root, format, classes, trainSplit } = recipe.data;
  const key = JSON.stringify([name, root, format, classes, trainSplit]);
  const before = known.get(key);
  if (before !== undefined) return before;
  let found: TrainingImages;
  try {
    const dataset = await openDataset(datasetOf(recipe, 'train'));
    found = { count: dataset.length, classes: dataset.classes.length, problem: undefined };
    await dataset.close();
  } catch (error) {
    // The plan does not need the images; the runs will say what is missing.
    const count = DATASETS[name]?.trainingImages;
    found = { count, classes: classCountOf(recipe), problem: messageOf(error) };
  }
  known.set(key, found);
  return found;
}

/** Optimiser steps of a run, where the number of images is known. */
export function stepsOf(recipe: Recipe, images: TrainingImages): number | undefined {
  const count = recipe.data.limitTrain ?? images.count;
  if (count === undefined) return undefined;
  const steps = stepsPerEpoch(Math.min(count, images.count ?? count), recipe.batch.size);
  return steps * recipe.schedule.epochs;
}
