import { totalmem } from 'node:os';
import type { Device } from '../../device/device.ts';
import { gpuMemory } from '../../device/memory.ts';
import { DEFAULT_PROFILE, type DeviceProfile } from '../../device/profile.ts';
import type { Model } from '../../models/model.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { mixGroupOf, normalizationOf } from '../data.ts';
import { planTraining, type PlanSettings, type TrainingPlan } from '../step/training-plan.ts';
import type { ChooseVariant } from '../../execution/plan.ts';
import { USABLE } from './cards.ts';

/** The target of a plan. */
export interface Target {
  readonly profile: DeviceProfile;
  /** Device memory that may be used, in bytes. */
  readonly budget: number;
  /** Largest micro-batch worth choosing. */
  readonly preferred: number;
  readonly choose?: ChooseVariant;
  /** The teacher of a recipe with `distill`; see weights/teacher.ts. */
  readonly teacher?: Model | undefined;
}

const GIB = 2 ** 30;

/** Assumed of a GPU whose driver does not tell how much memory it has, unless the user says more. */
const ASSUMED_GPU_BYTES = 6 * GIB;

/** @param memoryGib what the user allows, or undefined */
export function targetOf(device: Device | undefined, memoryGib?: number): Target {
  const isSoftware = device !== undefined && device.kind !== 'gpu';
  return {
    profile: device?.profile ?? DEFAULT_PROFILE,
    budget: memoryGib === undefined ? budgetOf(device) : memoryGib * GIB,
    // A processor gains nothing from more images at once.
    preferred: isSoftware ? 16 : 128,
  };
}

function budgetOf(device: Device | undefined): number {
  if (device === undefined) return ASSUMED_GPU_BYTES;
  if (device.kind !== 'gpu') return 0.7 * totalmem();
  const bytes = gpuMemory(device.name);
  return bytes === undefined ? ASSUMED_GPU_BYTES : USABLE * bytes;
}

/** The plan of a recipe with its micro-batch settled. @param micro replaces the recipe's */
export function fitPlan(
  recipe: Recipe,
  model: Model,
  target: Target,
  micro: number | 'auto' = recipe.batch.micro,
): TrainingPlan {
  const group = mixGroupOf(recipe);
  if (micro !== 'auto') {
    if (group % micro !== 0) {
      throw new FrameworkError(
        'recipe/micro-batch',
        `batch.micro ${micro} does not divide ${group}, the images that are mixed together.`,
        {
          hint: `Use one of ${divisors(group).join(', ')}.`,
        },
      );
    }
    return fixedPlan(recipe, model, target, micro);
  }
  const found = largestFitting(
    recipe,
    model,
    target,
    divisors(group).filter((n) => n <= target.preferred),
  );
  if (found !== undefined) return found;
  throw new FrameworkError(
    'plan/too-large',
    `${model.name} at ${recipe.data.imageSize} pixels does not fit into ${gib(target.budget)} even with a micro-batch of 1.`,
    { hint: 'Use recompute: blocks or a smaller model; --memory GIB says how much memory the GPU has.' },
  );
}

/** Why the micro-batch of a plan is no larger, in words. */
export function decidedBy(recipe: Recipe, plan: TrainingPlan, target: Target, isGiven: boolean): string {
  if (isGiven) return 'given';
  const group = mixGroupOf(recipe);
  const next = divisors(group).find((n) => n > plan.micro);
  if (next === undefined) return `all ${group} images that are mixed together`;
  if (next > target.preferred) return `more than ${target.preferred} images at once gain nothing`;
  try {
    const { memory } = planTraining(plan.model, settingsOf(recipe, target, next));
    return `memory: ${next} would need ${gib(memory.total)} of ${gib(target.budget)}; --memory GIB says how much there is`;
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code !== 'plan/too-large') throw error;
    return `the adapter's limit on one binding, not memory, at ${next}: ${error.message}`;
  }
}

function fixedPlan(recipe: Recipe, model: Model, target: Target, micro: number): TrainingPlan {
  const smaller = () =>
    largestFitting(
      recipe,
      model,
      target,
      divisors(mixGroupOf(recipe)).filter((n) => n < micro),
    )?.micro;
  const advice = (other: number | undefined) =>
    other === undefined
      ? 'Not even a micro-batch of 1 fits; use recompute: blocks.'
      : `A micro-batch of ${other} fits: --set batch.micro=${other}.`;
  let plan: TrainingPlan;
  try {
    plan = planTraining(model, settingsOf(recipe, target, micro));
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code !== 'plan/too-large') throw error;
    throw new FrameworkError(error.code, error.message, { hint: advice(smaller()) });
  }
  if (plan.memory.total <= target.budget) return plan;
  throw new FrameworkError(
    'plan/too-large',
    `A micro-batch of ${micro} needs ${gib(plan.memory.total)}, but ${gib(target.budget)} may be used.`,
    { hint: `${advice(smaller())} --memory GIB says how much memory the GPU has.` },
  );
}

function largestFitting(
  recipe: Recipe,
  model: Model,
  target: Target,
  candidates: readonly number[],
): TrainingPlan | undefined {
  for (const micro of [...candidates].sort((a, b) => b - a)) {
    try {
      const plan = planTraining(model, settingsOf(recipe, target, micro));
      if (plan.memory.total <= target.budget) return plan;
    } catch (error) {
      if (!(error instanceof FrameworkError) || error.code !== 'plan/too-large') throw error;
    }
  }
  return undefined;
}

function settingsOf(recipe: Recipe, target: Target, micro: number): PlanSettings {
  const { profile, choose } = target;
  return {
    seed: recipe.seed,
    batch: recipe.batch.size,
    micro,
    shards: recipe.batch.shards,
    evaluationBatch: Math.min(recipe.evaluation.batch, Math.max(micro, 8)),
    imageSize: recipe.data.imageSize,
    recompute: recipe.recompute,
    precision: recipe.precision,
    optimizer: recipe.optimizer,
    layerDecay: recipe.optimizer.layerDecay,
    emaDecay: recipe.ema?.decay ?? null,
    emaWarmup: recipe.ema?.warmup ?? false,
    distill: distillationOf(recipe, target.teacher),
    adversarial: adversarialOf(recipe),
    profile,
    ...(choose === undefined ? {} : { choose }),
  };
}

function distillationOf({ distill }: Recipe, teacher: Model | undefined): PlanSettings['distill'] {
  if (distill === null) return undefined;
  const { kind, alpha, temperature } = distill;
  return { teacher: defined(teacher, 'model of the teacher'), loss: { kind, alpha, temperature } };
}

/** ε and step are of pixels in [0, 1], and so are the ends of the range. */
function adversarialOf(recipe: Recipe): PlanSettings['adversarial'] {
  if (recipe.adversarial === null) return undefined;
  const { eps, steps, randomStart } = recipe.adversarial;
  const stepSize = recipe.adversarial.stepSize ?? (steps === 1 ? 1.25 * eps : (2.5 * eps) / steps);
  const { mean, std } = normalizationOf(recipe);
  const rows = [() => stepSize, () => eps, (m: number) => -m, (m: number) => 1 - m];
  return {
    steps,
    randomStart,
    box: Float32Array.from(rows.flatMap((of) => mean.map((m, c) => of(m) / (std[c] ?? 1)))),
  };
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(2)} GiB`;
}
