/** The plan of a run: a new one's, or the one it began with. */
import type { ClassList } from '../../data/dataset.ts';
import type { Device } from '../../device/device.ts';
import type { Model } from '../../models/model.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { Recipe } from '../../recipe/schema.ts';
import type { Reporter } from '../log/reporter.ts';
import { size } from '../preflight.ts';
import type { Checkpoint } from '../run/checkpoints.ts';
import type { RunFolder } from '../run/run-folder.ts';
import type { TrainingPlan } from '../step/training-plan.ts';
import { planTogether } from '../together.ts';
import { trainedModel } from '../weights/recipe-model.ts';
import { withTeacher } from '../weights/teacher.ts';
import { fitPlan, targetOf, type Target } from './fit.ts';
import { recordedPlan, tunedPlan, type TuneMode } from './tuned-plan.ts';

export interface PlanContext {
  readonly folder: RunFolder;
  readonly resume: Checkpoint | undefined;
  readonly interrupted: () => boolean;
  readonly reporter: Reporter;
  readonly ranks: Ranks | undefined;
}

/** The plan of a new run, or the one a run began with. */
export async function planOf(
  request: { readonly memoryGib: number | undefined; readonly tuning?: TuneMode },
  recipe: Recipe,
  { classes }: ClassList,
  device: Device,
  { folder, resume, interrupted, reporter, ranks }: PlanContext,
): Promise<TrainingPlan> {
  const model = trainedModel(recipe, classes.length);
  const note = (line: string) => {
    reporter.note(line);
  };
  const bare = targetOf(device, request.memoryGib);
  const target = await withTeacher(bare, recipe, model.config.classes, note);
  const own = () =>
    resume === undefined
      ? tunedPlan({ recipe, model, target, device, interrupted }, request.tuning ?? 'off', note)
      : continuedPlan(recipe, model, target, folder.tuning, note);
  const plan = await planTogether(ranks, device, own, ({ micro = recipe.batch.micro, choose }) =>
    fitPlan(recipe, model, { ...target, choose }, micro),
  );
  note(
    `${plan.model.name}: ${plan.model.config.classes} classes, batches of ${plan.batch} in micro-batches of ${plan.micro}, ` +
      `${size(plan.memory.total)} of device memory`,
  );
  return plan;
}

/** The plan with which a run began: another micro-batch or other kernels would change its bits. */
async function continuedPlan(
  recipe: Recipe,
  model: Model,
  target: Target,
  record: string,
  note: (line: string) => void,
): Promise<TrainingPlan> {
  const { micro, choose } = await recordedPlan(record, note);
  return fitPlan(recipe, model, { ...target, choose }, micro ?? recipe.batch.micro);
}
