import type { DeviceProfile } from '../../device/profile.ts';
import { FrameworkError } from '../../util/errors.ts';
import { recordInference, type ImageShape, type InferenceGraph } from '../../models/inference.ts';
import type { Model } from '../../models/model.ts';
import { planAdversary, type AdversarialSettings, type AdversaryPlan } from './adversary.ts';
import { parameterGroups, stateMembers } from './groups.ts';
import { recordUpdate, momentsOf, type OptimizerConfig, type UpdateGraph } from './optimizer.ts';
import { keepStatistics, type StatisticsPlan } from './batch-statistics.ts';
import { recordTraining, type Precision, type StepShape, type TrainingGraph } from './step-graph.ts';
import type { Recompute } from '../../graph/recompute.ts';
import { type ChooseVariant, type Plan, planNodes } from '../../execution/plan.ts';
import { borrow } from '../../execution/program.ts';
import { type FlatLayout, layoutFlat } from '../../execution/store.ts';
import type { DistillationAttrs } from '../../ops/distillation/op.ts';
import { bytesOf, elems } from '../../ops/tensor.ts';

/** Everything a training session will allocate and run, worked out without a device. */
export interface TrainingPlan {
  readonly model: Model;
  readonly seed: number;
  /** Effective batch: images of one optimiser step. */
  readonly batch: number;
  /** Images of one submission. */
  readonly micro: number;
  /** Parts of the batch whose gradients are summed in a tree. */
  readonly shards: number;
  readonly evaluationBatch: number;
  readonly layout: FlatLayout;
  readonly stateLayout: FlatLayout;
  readonly moments: number;
  readonly emaDecay: number | null;
  readonly step: { readonly graph: TrainingGraph; readonly plan: Plan };
  /** How running statistics are moved, where there are several shards and such statistics. */
  readonly statistics: StatisticsPlan | undefined;
  readonly update: { readonly graph: UpdateGraph; readonly plan: Plan };
  readonly evaluation: { readonly graph: InferenceGraph; readonly plan: Plan };
  /** Forward of a micro-batch by the teacher, if there is one. */
  readonly teacher: TeacherPlan | undefined;
  /** What makes the images of a micro-batch adversarial, if anything does. */
  readonly adversary: AdversaryPlan | undefined;
  readonly memory: MemoryPlan;
}

/** A model that never changes, whose logits the student learns. */
export interface TeacherPlan {
  readonly model: Model;
  readonly graph: InferenceGraph;
  readonly plan: Plan;
}

/** Bytes of device memory by store. */
export interface MemoryPlan {
  readonly parameters: number;
  readonly gradients: number;
  readonly moments: number;
  readonly ema: number;
  readonly state: number;
  /** With several shards: their sums, and the statistics of micro-batches. Several ranks share a step's shards and need less each. */
  readonly shards: number;
  /** Shared buffers of the training step. */
  readonly activations: number;
  /** Memory of evaluation beyond the training step's buffers. */
  readonly evaluation: number;
  readonly inputs: number;
  /** Weights of the teacher, and what it needs beyond the training step's buffers. */
  readonly teacher: number;
  /** What adversarial images need beyond the training step's buffers. */
  readonly adversary: number;
  readonly total: number;
  /** Least memory for the step's values under any assignment of buffers. */
  readonly activationsLowerBound: number;
}

export interface PlanSettings {
  readonly seed: number;
  readonly batch: number;
  readonly micro: number;
  /** A power of two; each holds whole micro-batches. Default 1. */
  readonly shards?: number;
  readonly evaluationBatch: number;
  readonly imageSize: number;
  readonly recompute: Recompute;
  readonly precision: Precision;
  readonly optimizer: OptimizerConfig;
  readonly layerDecay: number | null;
  readonly emaDecay: number | null;
  readonly emaWarmup?: boolean;
  /** A teacher of as many classes, and the loss with it. */
  readonly distill?: { readonly teacher: Model; readonly loss: DistillationAttrs } | undefined;
  readonly adversarial?: AdversarialSettings | undefined;
  readonly profile: DeviceProfile;
  readonly choose?: ChooseVariant;
}

/** @throws FrameworkError `plan/too-large` if one tensor exceeds what the adapter can bind */
export function planTraining(model: Model, settings: PlanSettings): TrainingPlan {
  const { profile, micro, imageSize, optimizer, emaDecay, shards = 1 } = settings;
  const options = {
    profile,
    ...(settings.choose ? { choose: settings.choose } : {}),
  };
  const shape: StepShape = { micro, channels: model.config.channels, imageSize };
  const { groups, members } = parameterGroups(model, settings.layerDecay);
  const maxBytes = Math.min(profile.limits.maxStorageBufferBindingSize, profile.limits.maxBufferSize);
  const layout = layoutFlat(members, maxBytes);
  const stateLayout = layoutFlat(stateMembers(model), maxBytes);
  const { distill } = settings;
  const recorded = recordTraining(model, shape, { ...settings, distillation: distill?.loss });
  const kept = shards > 1 ? keepStatistics(recorded.nodes, stateLayout, profile) : undefined;
  const stepGraph = kept === undefined ? recorded : { ...recorded, nodes: kept.nodes };
  const step = { graph: stepGraph, plan: planNodes(stepGraph.nodes, { ...options, kept: [stepGraph.loss] }) };
  const updateGraph = recordUpdate({
    layout,
    stateLayout,
    groups,
    optimizer,
    emaDecay,
    emaWarmup: settings.emaWarmup ?? false,
    precision: settings.precision,
  });
  const update = {
    graph: updateGraph,
    plan: planNodes(updateGraph.nodes, { ...options, kept: [updateGraph.squaredNorm] }),
  };
  const evaluation = fitEvaluation(step.plan, settings.evaluationBatch, (batch) => {
    const graph = recordInference(model, { ...shape, batch });
    return { graph, plan: planNodes(graph.nodes, { ...options, kept: [graph.logits] }), batch };
  });
  const teacher = distill && planTeacher(distill.teacher, { ...shape, batch: micro }, options);
  const { adversarial, precision } = settings;
  const adversary = adversarial && planAdversary(model, shape, precision, adversarial, options);
  const moments = momentsOf(optimizer);
  const memory = estimateMemory({
    layout,
    stateLayout,
    moments,
    emaDecay,
    step,
    update,
    evaluation,
    teacher,
    adversary,
    batch: settings.batch,
    micro,
    shards,
    statistics: kept?.statistics,
  });
  return {
    model,
    seed: settings.seed,
    batch: settings.batch,
    micro,
    shards,
    evaluationBatch: evaluation.batch,
    layout,
    stateLayout,
    moments,
    emaDecay,
    step,
    statistics: kept?.statistics,
    update,
    evaluation,
    teacher,
    adversary,
    memory,
  };
}

function planTeacher(
  model: Model,
  shape: ImageShape,
  options: { readonly profile: DeviceProfile; readonly choose?: ChooseVariant },
): TeacherPlan {
  const graph = recordInference(model, shape, { folded: true }); // as ModelWeights stores them
  return { model, graph, plan: planNodes(graph.nodes, { ...options, kept: [graph.logits] }) };
}

/** The most images, up to `batch`, whose evaluation needs no memory beyond what training has; if none, one. */
function fitEvaluation<E extends { readonly plan: Plan }>(
  training: Plan,
  batch: number,
  make: (batch: number) => E,
): E {
  if (batch === 1) return make(1);
  try {
    const evaluation = make(batch);
    if (beyond(training, evaluation.plan) === 0) return evaluation;
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code !== 'plan/too-large') throw error;
  }
  return fitEvaluation(training, batch >> 1, make);
}

/** Bytes of a plan's buffers that cannot be borrowed from those of the training step. */
function beyond(training: Plan, plan: Plan): number {
  const lent = borrow(
    plan.buffers,
    training.buffers.map((size) => ({ size })),
  );
  return plan.buffers.reduce((sum, size, i) => sum + (lent[i] === undefined ? size : 0), 0);
}

function teacherBytes(training: Plan, { model, plan }: TeacherPlan): number {
  const weights = model.parameters.filter(({ kind }) => kind !== 'counter');
  const inputs = plan.inputs.map(({ spec }) => spec);
  return (
    beyond(training, plan) + [...weights, ...inputs].reduce((sum, { shape }) => sum + 4 * elems(shape), 0)
  );
}

function adversaryBytes(training: Plan, { start, pass }: AdversaryPlan): number {
  const plans = [pass.plan, ...(start === undefined ? [] : [start.plan])];
  return plans.reduce(
    (sum, plan) => sum + beyond(training, plan) + plan.inputs.reduce((t, { spec }) => t + bytesOf(spec), 0),
    0,
  );
}

const READBACK_SLOTS = 8;

function estimateMemory(
  parts: Pick<
    TrainingPlan,
    | 'layout'
    | 'stateLayout'
    | 'moments'
    | 'emaDecay'
    | 'step'
    | 'statistics'
    | 'update'
    | 'evaluation'
    | 'teacher'
    | 'adversary'
    | 'batch'
    | 'micro'
    | 'shards'
  >,
): MemoryPlan {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const flat = (layout: FlatLayout) => sum(layout.chunks) * 4;
  const parameters = flat(parts.layout);
  const stateOnce = flat(parts.stateLayout);
  const ema = parts.emaDecay === null ? 0 : parameters + stateOnce;
  const activations = sum(parts.step.plan.buffers);
  const inputsOf = (plan: Plan) => sum(plan.inputs.map((tensor) => bytesOf(tensor.spec)));
  const inputs = inputsOf(parts.step.plan) + inputsOf(parts.update.plan) + inputsOf(parts.evaluation.plan);
  const evaluation =
    beyond(parts.step.plan, parts.evaluation.plan) + beyond(parts.step.plan, parts.update.plan);
  const readback = READBACK_SLOTS * (parts.batch + 1) * 4;
  const records = parts.statistics === undefined ? 0 : (1 + parts.batch / parts.micro) * stateOnce;
  const memory = {
    parameters,
    gradients: parameters,
    moments: parameters * parts.moments,
    ema,
    state: stateOnce,
    shards: Math.log2(parts.shards) * parameters + records,
    activations,
    evaluation,
    inputs: inputs + readback,
    teacher: parts.teacher === undefined ? 0 : teacherBytes(parts.step.plan, parts.teacher),
    adversary: parts.adversary === undefined ? 0 : adversaryBytes(parts.step.plan, parts.adversary),
  };
  return {
    ...memory,
    total: sum(Object.values(memory)),
    activationsLowerBound: parts.step.plan.lowerBoundBytes,
  };
}
