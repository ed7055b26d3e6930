import { countElements } from '../../nn/parameters.ts';
import type { Recipe } from '../../recipe/schema.ts';
import type { MemoryPlan, TrainingPlan } from '../step/training-plan.ts';
import type { Plan } from '../../execution/plan.ts';
import type { Cost } from '../../ops/op.ts';
import { bytesOf, showShape } from '../../ops/tensor.ts';

/** The report of `largekernel plan`, as plain data. */
export interface PlanReport {
  readonly recipe: string;
  readonly model: string;
  readonly imageSize: number;
  readonly batch: number;
  readonly micro: number;
  readonly microBatches: number;
  readonly parameters: number;
  readonly stateEntries: number;
  /** Multiply-adds of one forward image: over the zero-padded window as papers count, and those that touch the image. */
  readonly macs: { readonly nominal: number; readonly live: number };
  /** Multiply-adds of one optimiser step, forward and backward. */
  readonly stepMacs: { readonly nominal: number; readonly live: number };
  readonly dispatches: { readonly microBatch: number; readonly update: number; readonly step: number };
  /** Ops of one step: each needs a dispatch at least. */
  readonly ops: number;
  /** Bytes that cross memory in one step when every operand of every op crosses once. */
  readonly bytesMoved: number;
  /**
   * Bytes that cross memory however ops are fused: what the backward pass keeps from the forward pass, written and read; parameters,
   * read in both; gradients, added to; images, read; and the optimiser's pass.
   */
  readonly bytesLowerBound: number;
  readonly memory: MemoryPlan;
  readonly largest: readonly { readonly name: string; readonly shape: string; readonly bytes: number }[];
}

export function planReport(recipe: Recipe, plan: TrainingPlan): PlanReport {
  const microBatches = plan.batch / plan.micro;
  const forward = total(plan.evaluation.plan);
  const parts = partsOf(plan);
  const step = total(...parts);
  const update = total(plan.update.plan);
  const perImage = (macs: number) => macs / plan.evaluationBatch;
  const dispatches = {
    microBatch: dispatchesOf(...parts),
    update: dispatchesOf(plan.update.plan),
  };
  return {
    recipe: recipe.name,
    model: plan.model.name,
    imageSize: recipe.data.imageSize,
    batch: plan.batch,
    micro: plan.micro,
    microBatches,
    parameters: countElements(plan.model.parameters, 'parameter'),
    stateEntries: plan.model.parameters.length,
    macs: { nominal: perImage(forward.macs), live: perImage(forward.liveMacs) },
    stepMacs: { nominal: step.macs * microBatches, live: step.liveMacs * microBatches },
    dispatches: { ...dispatches, step: dispatches.microBatch * microBatches + dispatches.update },
    ops:
      parts.reduce((sum, { steps }) => sum + steps.length, 0) * microBatches + plan.update.plan.steps.length,
    bytesMoved: step.bytes * microBatches + update.bytes,
    bytesLowerBound: leastBytes(plan) * microBatches + update.bytes,
    memory: plan.memory,
    largest: plan.step.plan.largest
      .slice(0, 5)
      .map(({ tensor, bytes }) => ({ name: tensor.name, shape: showShape(tensor.spec.shape), bytes })),
  };
}

/** Everything that is run for a micro-batch, as often as it is. */
function partsOf({ step, teacher, adversary }: TrainingPlan): readonly Plan[] {
  const passes = new Array<Plan | undefined>(adversary?.settings.steps ?? 0).fill(adversary?.pass.plan);
  return [adversary?.start?.plan, ...passes, teacher?.plan, step.plan].filter((plan) => plan !== undefined);
}

function total(...plans: readonly Plan[]): Cost {
  const steps = plans.flatMap((plan) => plan.steps);
  const sum = (key: keyof Cost) => steps.reduce((t, step) => t + step.cost[key], 0);
  return { macs: sum('macs'), liveMacs: sum('liveMacs'), bytes: sum('bytes') };
}

/** Bytes that one micro-batch must move at least; see `bytesLowerBound`. */
function leastBytes({ step: { plan, graph }, memory }: TrainingPlan): number {
  const made = new Set(
    plan.steps
      .filter(({ node }) => node.direction === 'forward')
      .flatMap(({ node }) => Object.values(node.outputs).map(({ id }) => id)),
  );
  const kept = new Map(
    plan.steps
      .filter(({ node }) => node.direction === 'backward')
      .flatMap(({ node }) => Object.values(node.inputs).filter(({ id }) => made.has(id)))
      .map(({ id, spec }) => [id, bytesOf(spec)]),
  );
  const saved = [...kept.values()].reduce((sum, bytes) => sum + bytes, 0);
  return 2 * (saved + memory.parameters + memory.gradients) + bytesOf(graph.x.spec);
}

function dispatchesOf(...plans: readonly Plan[]): number {
  return plans.flatMap((plan) => plan.steps).reduce((sum, step) => sum + step.dispatches.length, 0);
}

/** The report for people. */
export function describePlan(r: PlanReport): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const giga = (count: number) => `${(count / 1e9).toFixed(3)} G`;
  const rows: [string, string][] = [
    ['recipe', r.recipe],
    ['model', `${r.model}, ${r.imageSize}×${r.imageSize} pixels`],
    ['batch', `${r.batch} = ${r.microBatches} × micro-batch of ${r.micro}`],
    ['parameters', `${r.parameters.toLocaleString('en')} in ${r.stateEntries} state entries`],
    ['multiply-adds, one image', `${giga(r.macs.nominal)} nominal, ${giga(r.macs.live)} live`],
    ['multiply-adds, one step', `${giga(r.stepMacs.nominal)} nominal, ${giga(r.stepMacs.live)} live`],
    [
      'dispatches',
      `${r.dispatches.microBatch} a micro-batch, ${r.dispatches.update} for the update, ${r.dispatches.step} a step, for ${r.ops} ops`,
    ],
    [
      'memory traffic, one step',
      `${mib(r.bytesMoved)} if every operand crosses once (no fusion needs less than ${mib(r.bytesLowerBound)})`,
    ],
    ['', ''],
    ['device memory', mib(r.memory.total)],
    ['  parameters', mib(r.memory.parameters)],
    ['  gradients', mib(r.memory.gradients)],
    ['  moments', mib(r.memory.moments)],
    ['  running average', mib(r.memory.ema)],
    ['  running statistics', mib(r.memory.state)],
    ...(r.memory.shards === 0
      ? []
      : [['  sums of shards', `${mib(r.memory.shards)} on one rank, less on several`] as [string, string]]),
    [
      '  activations',
      `${mib(r.memory.activations)} (no assignment needs less than ${mib(r.memory.activationsLowerBound)})`,
    ],
    ['  evaluation, besides', mib(r.memory.evaluation)],
    ['  inputs and read-back', mib(r.memory.inputs)],
    ...(r.memory.teacher === 0 ? [] : [['  teacher', mib(r.memory.teacher)] as [string, string]]),
    ...(r.memory.adversary === 0
      ? []
      : [['  adversarial images', mib(r.memory.adversary)] as [string, string]]),
    ['', ''],
    ...r.largest.map(({ name, shape, bytes }, i): [string, string] => [
      i === 0 ? 'largest tensors' : '',
      `${mib(bytes)}  ${name} ${shape}`,
    ]),
  ];
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}`.trimEnd() + '\n').join('');
}
