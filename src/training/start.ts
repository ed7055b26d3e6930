import { listAdapters } from '../device/adapters.ts';
import { openDevice, type Device } from '../device/device.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Model } from '../models/model.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { setAside } from './run/checkpoints.ts';
import { checkSameClasses, keepClasses, matchSplits } from './classes.ts';
import { chooseFolder, type ChosenFolder } from './run/choose-folder.ts';
import type { Checkpoint } from './run/checkpoints.ts';
import type { ClassList } from '../data/dataset.ts';
import { leftOut } from '../data/left-out.ts';
import type { Loader } from '../data/loader.ts';
import type { Claim } from '../util/claim.ts';
import { openEvaluation, openTraining } from './data.ts';
import { loadChecked, noEffect } from './effects.ts';
import { fitPlan, targetOf, type Target } from './planning/fit.ts';
import { loadInitial } from './weights/initial-weights.ts';
import { describePreflight, preflight, size, type Preflight } from './preflight.ts';
import { trainedModel } from './weights/recipe-model.ts';
import { checkSameTeacher, keepTeacher, loadTeacher, withTeacher } from './weights/teacher.ts';
import { stepsPerEpoch } from './schedule.ts';
import { compilingReporter, withSigns, type Reporter } from './log/reporter.ts';
import { prepareRunFolder, writeSummary, type RunFolder, type TrainingSummary } from './run/run-folder.ts';
import { TrainingSession } from './step/session.ts';
import { train } from './train.ts';
import type { TrainingPlan } from './step/training-plan.ts';
import { withoutRefusedUnits } from './planning/refused.ts';
import { recordedPlan, tunedPlan, writeRecord, type TuneMode } from './planning/tuned-plan.ts';

export interface TrainRequest {
  readonly recipe: string;
  readonly overrides: readonly string[];
  readonly data: string | undefined;
  readonly out: string | undefined;
  readonly init: string | undefined;
  /** Which set of weights of `init`. */
  readonly entry?: string | undefined;
  /** Insist on going on with an earlier run. */
  readonly resume: boolean;
  readonly maxSteps: number | undefined;
  readonly adapter: string;
  readonly memoryGib: number | undefined;
  /** How a new run chooses its kernels; a resumed run keeps those it has. Off unless given. */
  readonly tuning?: TuneMode;
}

export interface TrainResult {
  readonly recipe: Recipe;
  readonly folder: RunFolder;
  readonly summary: TrainingSummary;
}

/** A device that outlives the run, with what was compiled for it. */
export interface OpenedDevice {
  readonly device: Device;
  readonly pipelines: PipelineCache;
}

/** Everything a run needs, opened and tried. */
export interface Prepared {
  readonly loaded: LoadedRecipe;
  readonly hash: string;
  readonly folder: RunFolder;
  readonly resume: Checkpoint | undefined;
  readonly damaged: ChosenFolder['damaged'];
  readonly claim: Claim;
  readonly device: Device;
  readonly loader: Loader;
  /** The classes of the model's outputs. */
  readonly classes: ClassList;
  readonly session: TrainingSession;
  /** The weights of the teacher, with `distill`. */
  readonly teacher: ReadonlyMap<string, Float32Array> | undefined;
  readonly checked: Preflight;
}

/** From a request on the command line to a finished, stopped or interrupted run. */
export async function startTraining(
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened?: OpenedDevice,
): Promise<TrainResult> {
  return prepare(request, reporter, interrupted, opened, async (prepared) => {
    const { loaded, hash, folder, resume, damaged, claim, device, loader, classes, session } = prepared;
    const { recipe } = loaded;
    reporter.note(describePreflight(prepared.checked));
    await prepareRunFolder(folder, loaded.yaml, hash, device, resume !== undefined);
    if (resume === undefined) {
      await writeRecord(folder.tuning, session.plan, device);
      await keepTeacher(folder.teacher, prepared.teacher);
    }
    await keepClasses(folder, classes);
    for (const one of damaged) await setAside(one.folder);
    const job = {
      recipe,
      recipeHash: hash,
      device,
      session,
      loader,
      classes,
      folder,
      claim,
      reporter,
      resume,
    };
    const summary = await train({ ...job, maxSteps: request.maxSteps, interrupted });
    const bytes = { bytes: session.bytes, plannedBytes: session.plan.memory.total };
    await writeSummary(folder, { ...summary, ...bytes });
    return { recipe, folder, summary };
  });
}

/** Opens and tries everything before the first step; nothing is written. Closes it when `use` is done. */
export async function prepare<T>(
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened: OpenedDevice | undefined,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const loaded = await loadChecked(request.recipe, overridesOf(request));
  const hash = recipeHash(loaded.recipe);
  const chosen = await chooseFolder(request, loaded.recipe, hash, (line) => {
    reporter.note(line);
  });
  try {
    const { folder, resume, damaged } = chosen;
    for (const line of [...loaded.warnings, ...damaged.map(({ error }) => error.message)])
      reporter.note(line);
    if (resume !== undefined) reporter.note(`going on with ${folder.root} after step ${resume.info.step}`);
    return await prepareIn(chosen, loaded, request, reporter, interrupted, opened, (rest) =>
      use({ loaded, hash, ...chosen, ...rest }),
    );
  } finally {
    await chosen.claim.release();
  }
}

async function prepareIn<T>(
  { folder, resume }: ChosenFolder,
  loaded: LoadedRecipe,
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened: OpenedDevice | undefined,
  use: (
    rest: Pick<Prepared, 'device' | 'loader' | 'classes' | 'session' | 'teacher' | 'checked'>,
  ) => Promise<T>,
): Promise<T> {
  const { recipe } = loaded;
  // Before the loader: no thread may open files while the adapters are looked at (see device/quiet.ts).
  const device = opened?.device ?? (await openDevice(request.adapter));
  try {
    await noteAdapter(device, request.adapter, reporter);
    const pipelines = opened?.pipelines ?? new PipelineCache(device);
    pipelines.onCompile = compilingReporter(reporter);
    const loader = await openTraining(recipe, ({ key, message }) => {
      reporter.note(`replaced by the next image: ${key}: ${message}`);
    });
    try {
      stepsPerEpoch(loader.length, recipe.batch.size);
      const note = (line: string) => {
        reporter.note(line);
      };
      const classes = await matchSplits(recipe, loader.dataset, note);
      if (resume !== undefined) await checkSameClasses(folder, classes, note);
      const { session, teacher, checked } = await withoutRefusedUnits(device, note, async () => {
        const plan = await planOf(request, loaded, classes, device, {
          folder,
          resume,
          interrupted,
          reporter,
        });
        return tried(recipe, loader, classes, plan, { device, pipelines, folder, resume, reporter });
      });
      return await use({ device, loader, classes, session, teacher, checked });
    } finally {
      await loader.close();
    }
  } finally {
    if (opened === undefined) device.close();
  }
}

/** Makes the session of a run and tries it; both splits are open before anything is compiled. */
async function tried(
  recipe: Recipe,
  loader: Loader,
  classes: ClassList,
  plan: TrainingPlan,
  context: Omit<PlanContext, 'interrupted'> & OpenedDevice,
): Promise<Pick<Prepared, 'session' | 'teacher' | 'checked'>> {
  const { device, pipelines, folder, resume, reporter } = context;
  const validation = await openEvaluation(recipe, classes, plan.evaluationBatch, ({ key, message }) => {
    reporter.note(`left out: ${key}: ${message}`);
  });
  try {
    for (const { dataset } of [loader, validation])
      for (const line of leftOut(dataset.name, dataset.notes)) reporter.note(line);
    const initial =
      resume === undefined ? await loadInitial(recipe, plan.model, classes, reporter) : new Map();
    const teacher = await loadTeacher(recipe, plan.teacher?.model, classes, (line) => {
      reporter.note(line);
    });
    if (resume !== undefined && teacher !== undefined)
      await checkSameTeacher(folder.teacher, recipe.distill?.teacher ?? '', teacher);
    const session = await TrainingSession.create(device, pipelines, plan, teacher);
    await session.initialise(recipe.seed, initial);
    const checked = await withSigns(
      reporter,
      () => 'trying a batch of validation images',
      () => preflight(recipe, { training: loader, validation }, session, folder),
    );
    return { session, teacher, checked };
  } finally {
    await validation.close();
  }
}

interface PlanContext {
  readonly folder: RunFolder;
  readonly resume: Checkpoint | undefined;
  readonly interrupted: () => boolean;
  readonly reporter: Reporter;
}

/** The plan of a new run, or the one a run began with. */
async function planOf(
  request: TrainRequest,
  loaded: LoadedRecipe,
  { classes }: ClassList,
  device: Device,
  { folder, resume, interrupted, reporter }: PlanContext,
): Promise<TrainingPlan> {
  const { recipe } = loaded;
  const model = trainedModel(recipe, classes.length);
  const target = await withTeacher(targetOf(device, request.memoryGib), recipe, model.config.classes);
  const note = (line: string) => {
    reporter.note(line);
  };
  const plan =
    resume === undefined
      ? await tunedPlan({ recipe, model, target, device, interrupted }, request.tuning ?? 'off', note)
      : await continuedPlan(recipe, model, target, folder.tuning, note);
  note(
    `${plan.model.name}: ${plan.model.config.classes} classes, batches of ${plan.batch} in micro-batches of ${plan.micro}, ` +
      `${size(plan.memory.total)} of device memory`,
  );
  return plan;
}

function overridesOf({ overrides, data, init, entry }: TrainRequest): string[] {
  const options = [
    ['--data', 'data.root', data],
    ['--init', 'init.file', init],
    ['--entry', 'init.entry', entry],
  ] as const;
  const said = new Set(overrides.map((text) => text.split('=', 1)[0]?.trim()));
  return [
    ...overrides,
    ...options.flatMap(([option, key, value]) => {
      if (value === undefined) return [];
      if (said.has(key)) throw noEffect('command line', key, `${option} takes its place`);
      return [`${key}=${JSON.stringify(value)}`];
    }),
  ];
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

/** The choice of adapter is always said; software is not chosen silently. */
async function noteAdapter(device: Device, request: string, reporter: Reporter): Promise<void> {
  reporter.note(`adapter: ${device.description || device.name} (${device.kind})`);
  if (request === 'auto' && device.kind !== 'gpu') {
    const others = (await listAdapters()).map((entry) => entry.kind).join(', ');
    reporter.note(
      `no GPU was found among ${others}; computing on the processor. \`largekernel doctor\` says what is missing`,
    );
  }
}
