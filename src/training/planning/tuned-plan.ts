import type { Device } from '../../device/device.ts';
import type { Model } from '../../models/model.ts';
import type { Recipe } from '../../recipe/schema.ts';
import { chooserOf, lookupIn, identityOf, readChoices } from '../../tuning/choices.ts';
import { isSameVariant, keyOf, problemsOf } from '../../tuning/problem.ts';
import { describeResult, tune, type TuneResult } from '../../tuning/tune.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../util/sealed.ts';
import { fitPlan, type Target } from './fit.ts';
import type { TrainingPlan } from '../step/training-plan.ts';
import type { ChooseVariant, Plan } from '../../execution/plan.ts';
import type { Variant } from '../../ops/kernels.ts';

/** Variants by what is stored of this adapter, after tuning what is missing, or by rule alone. */
export type TuneMode = 'stored' | 'missing' | 'off';

/** Inputs of a plan with tuned variants. */
export interface TuneRequest {
  readonly recipe: Recipe;
  readonly model: Model;
  readonly target: Target;
  readonly device: Device;
  /** Replaces the recipe's micro-batch. */
  readonly micro?: number | 'auto' | undefined;
  /** Asked before each kernel that is tuned. */
  readonly interrupted?: () => boolean;
}

export function plansOf({ step, update, evaluation, teacher, adversary }: TrainingPlan): readonly Plan[] {
  return [
    step.plan,
    update.plan,
    evaluation.plan,
    ...(teacher === undefined ? [] : [teacher.plan]),
    ...(adversary === undefined ? [] : [adversary.pass.plan]),
  ];
}

/** The plan of a recipe with the variants that were found fastest on the device; says in one line how many they are. */
export async function tunedPlan(
  request: TuneRequest,
  mode: TuneMode,
  note: (line: string) => void,
): Promise<TrainingPlan> {
  const { recipe, model, target, device, micro } = request;
  if (mode === 'off') return fitPlan(recipe, model, target, micro);
  const tried = new Set<string>();
  // Variants decide how much memory a plan needs, and so the micro-batch: tuned again where that brings other shapes.
  for (;;) {
    const lookup = lookupIn(await readChoices(identityOf(device), note));
    const plan = fitPlan(recipe, model, { ...target, choose: chooserOf(lookup) }, micro);
    const problems = problemsOf(plansOf(plan), device.profile);
    const missing = problems.filter((problem) => lookup(problem) === undefined);
    const untried = missing.filter(({ key }) => !tried.has(key));
    if (mode === 'stored' || untried.length === 0) {
      if (missing.length < problems.length)
        note(
          `tuned: ${problems.length - missing.length} of ${problems.length} kernels that can be computed in several ways`,
        );
      return plan;
    }
    note(`tuning ${untried.length} kernels on ${device.name}`);
    untried.forEach(({ key }) => tried.add(key));
    const onResult = (result: TuneResult, done: number) => {
      note(`  ${done}/${untried.length} ${describeResult(result)}`);
    };
    await tune(device, untried, onResult, request.interrupted);
  }
}

/** `tuning.json` of a run: a plan's micro-batch, and the variants it uses by problem. */
export interface PlanRecord {
  readonly micro: number;
  readonly variants: Readonly<Record<string, Variant>>;
}

const RECORD = sealedKind<PlanRecord>(
  'kernel choices',
  2,
  'Restore it, or delete it to go on with the kernels that are chosen by rule; the continuation is then not bit-exact.',
);

/** Writes what a run is continued by, bit for bit. */
export async function writeRecord(file: string, plan: TrainingPlan, device: Device): Promise<void> {
  await writeSealed(file, RECORD, recordOf(plan, device));
}

export function recordOf(plan: TrainingPlan, device: Device): PlanRecord {
  const problems = problemsOf(plansOf(plan), device.profile);
  const variants = Object.fromEntries(problems.map(({ key, planned }) => [key, planned]));
  return { micro: plan.micro, variants };
}

/** The choices that a run made when it began. */
export interface RecordedPlan {
  /** Images of a micro-batch; undefined in a run without a record. */
  readonly micro: number | undefined;
  readonly choose: ChooseVariant;
}

/**
 * What a run has settled on before; by rule in a run without a record, which is said.
 * @throws FrameworkError where the record is damaged; planning: `checkpoint/tuning` where it names a variant that is no more
 */
export async function recordedPlan(file: string, note: (line: string) => void): Promise<RecordedPlan> {
  const record = await readSealedIfThere(file, RECORD);
  if (record === undefined)
    note(`${file} is missing: kernels are chosen by rule, the continuation may not be bit-exact`);
  return settled(record, file);
}

/** The choices of a record. @param source names it in errors @throws planning: see `recordedPlan` */
export function settled(record: PlanRecord | undefined, source: string): RecordedPlan {
  const recorded = new Map(Object.entries(record?.variants ?? {}));
  const choose: ChooseVariant = ({ op }, context, variants) => {
    const key = keyOf(op, context);
    const wanted = recorded.get(key);
    if (wanted === undefined) return defined(variants[0], `variant of ${op.name}`);
    const found = variants.find((variant) => isSameVariant(variant, wanted));
    if (found !== undefined) return found;
    throw new FrameworkError(
      'checkpoint/tuning',
      `${source} says that ${key} was computed with ${JSON.stringify(wanted)}, which this version does not have: the continuation would not be bit-exact.`,
      { hint: 'Go on with the version that began the run, or delete the file to go on with other kernels.' },
    );
  };
  return { micro: record?.micro, choose };
}
