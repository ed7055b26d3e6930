import type { Device } from '../../device/device.ts';
import { Program } from '../../execution/program.ts';
import { locateIn } from '../../execution/store.ts';
import type { Ranks } from '../../mpi/ranks.ts';
import type { PipelineCache } from '../../shader/pipelines.ts';
import { defined } from '../../util/errors.ts';
import { Adversary } from './adversary.ts';
import { Shards } from './shards.ts';
import type { Stores } from './stores.ts';
import { Teacher } from './teacher.ts';
import type { TrainingPlan } from './training-plan.ts';

/** What a training run computes, with its memory and pipelines. Those that never run while a step does borrow its memory. */
export interface Programs {
  /** Forward and backward of one micro-batch. */
  readonly step: Program;
  /** The work after a step's last micro-batch. */
  readonly update: Program;
  /** Logits by the weights as trained. */
  readonly raw: Program;
  /** Logits by the averaged weights. */
  readonly ema: Program | undefined;
  readonly teacher: Teacher | undefined;
  readonly adversary: Adversary | undefined;
  readonly shards: Shards | undefined;
}

export interface ProgramOptions {
  /** The weights of the plan's teacher, if it has one. */
  readonly teacher: ReadonlyMap<string, Float32Array> | undefined;
  /** Among which the shards of each step are divided. */
  readonly ranks: Ranks | undefined;
  /** See `Shards.create`. */
  readonly bucketElems: number | undefined;
}

/** Allocates and compiles all that a plan names. */
export async function buildPrograms(
  device: Device,
  pipelines: PipelineCache,
  plan: TrainingPlan,
  stores: Stores,
  { teacher: weights, ranks, bucketElems }: ProgramOptions,
): Promise<Programs> {
  const locate = locateIn({ ...stores });
  const step = await Program.build(device, pipelines, plan.step.plan, locate, 'training step');
  const update = await Program.build(device, pipelines, plan.update.plan, locate, 'update', step);
  const raw = await Program.build(device, pipelines, plan.evaluation.plan, locate, 'evaluation', step);
  const averages = locateIn({ parameter: stores.ema, state: stores['ema-state'] });
  const ema = stores.ema && (await raw.rebound(pipelines, averages, 'EMA evaluation'));
  const teacher =
    plan.teacher &&
    (await Teacher.create(device, pipelines, plan.teacher, step, defined(weights, 'weights of the teacher')));
  const adversary =
    plan.adversary && (await Adversary.create(device, pipelines, plan.adversary, locate, step));
  const shards =
    plan.shards > 1 ? await Shards.create(device, pipelines, plan, stores, ranks, bucketElems) : undefined;
  return { step, update, raw, ema, teacher, adversary, shards };
}
