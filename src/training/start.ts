import { listAdapters } from '../device/adapters.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Ranks } from '../mpi/ranks.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { setAside } from './run/checkpoints.ts';
import { checkSameClasses, keepClasses, matchSplits } from './classes.ts';
import { chooseFolder, type ChosenFolder } from './run/choose-folder.ts';
import type { Checkpoint } from './run/checkpoints.ts';
import type { ClassList } from '../data/dataset.ts';
import { leftOut } from '../data/left-out.ts';
import type { Loader } from '../data/loader.ts';
import type { Claim } from '../util/claim.ts';
import { versionOf } from '../util/modules.ts';
import { openEvaluation, openTraining } from './data.ts';
import { loadChecked, noEffect } from './effects.ts';
import { planOf, type PlanContext } from './planning/run-plan.ts';
import { loadInitial } from './weights/initial-weights.ts';
import { describePreflight, preflight, type Preflight } from './preflight.ts';
import {
  checkSameTeacher,
  identityOf,
  keepTeacher,
  loadTeacher,
  type LoadedTeacher,
} from './weights/teacher.ts';
import { stepsPerEpoch, warmupWarning } from './schedule.ts';
import { compilingReporter, withSigns, type Reporter } from './log/reporter.ts';
import { checkSameImages, imagesOf, keepImages, type RunImages } from './images.ts';
import { prepareRunFolder, writeSummary, type RunFolder, type TrainingSummary } from './run/run-folder.ts';
import { TrainingSession } from './step/session.ts';
import { train } from './train.ts';
import type { TrainingPlan } from './step/training-plan.ts';
import { withoutRefusedUnits } from './planning/refused.ts';
import { adapterOf, checkAlike, checkShards, chooseTogether, StopRequest } from './together.ts';
import { writeRecord, type TuneMode } from './planning/tuned-plan.ts';

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
  readonly claim: Claim | undefined;
  readonly device: Device;
  readonly loader: Loader;
  /** The classes of the model's outputs. */
  readonly classes: ClassList;
  readonly session: TrainingSession;
  readonly images: RunImages;
  /** With `distill`. */
  readonly teacher: LoadedTeacher | undefined;
  readonly checked: Preflight;
}

/**
 * From a request on the command line to a finished, stopped or interrupted run.
 * @param ranks the processes that train together: all call it, rank 0 writes and speaks
 */
export async function startTraining(
  request: TrainRequest,
  reporter: Reporter,
  asked: () => boolean,
  opened?: OpenedDevice,
  ranks?: Ranks,
): Promise<TrainResult> {
  const stop = new StopRequest(asked, ranks);
  return prepare(request, reporter, asked, opened, ranks, async (prepared) => {
    const { loaded, hash, folder, resume, damaged, claim, device, loader, classes, session } = prepared;
    const { recipe } = loaded;
    reporter.note(describePreflight(prepared.checked));
    const isWriter = ranks?.isFirst ?? true;
    if (isWriter) {
      await prepareRunFolder(folder, loaded.yaml, hash, device, resume !== undefined);
      if (resume === undefined) {
        await writeRecord(folder.tuning, session.plan, device);
        await keepTeacher(folder.teacher, prepared.teacher);
      }
      await keepClasses(folder, classes);
      await keepImages(folder, prepared.images);
      for (const one of damaged) await setAside(one.folder);
    }
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
      maxSteps: request.maxSteps,
      interrupted: stop.made,
      agree: () => stop.agree(),
      ranks,
    };
    const summary = await train(job);
    const bytes = { bytes: session.bytes, plannedBytes: session.plan.memory.total };
    if (isWriter) await writeSummary(folder, { ...summary, ...bytes });
    return { recipe, folder, summary };
  });
}

/** Opens and tries everything before the first step; nothing is written. Closes it when `use` is done. */
export async function prepare<T>(
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened: OpenedDevice | undefined,
  ranks: Ranks | undefined,
  use: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const loaded = await loadChecked(request.recipe, overridesOf(request));
  const hash = recipeHash(loaded.recipe);
  checkShards(loaded.recipe, ranks?.size ?? 1);
  const chosen = await chooseTogether(ranks, () =>
    chooseFolder(request, loaded.recipe, hash, (line) => {
      reporter.note(line);
    }),
  );
  try {
    const { folder, resume, damaged } = chosen;
    for (const line of [...loaded.warnings, ...damaged.map(({ error }) => error.message)])
      reporter.note(line);
    if (resume !== undefined) reporter.note(`going on with ${folder.root} after step ${resume.info.step}`);
    return await prepareIn(chosen, loaded, request, reporter, interrupted, opened, ranks, (rest) =>
      use({ loaded, hash, ...chosen, ...rest }),
    );
  } finally {
    await chosen.claim?.release();
  }
}

async function prepareIn<T>(
  { folder, resume }: ChosenFolder,
  loaded: LoadedRecipe,
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened: OpenedDevice | undefined,
  ranks: Ranks | undefined,
  use: (rest: Pick<Prepared, 'device' | 'loader' | 'classes' | keyof Tried>) => Promise<T>,
): Promise<T> {
  const { recipe } = loaded;
  // Before the loader: no thread may open files while the adapters are looked at (see device/quiet.ts).
  const device = opened?.device ?? (await openDevice(await adapterOf(request.adapter, ranks)));
  try {
    await noteAdapter(device, request.adapter, reporter);
    const pipelines = opened?.pipelines ?? new PipelineCache(device);
    pipelines.onCompile = compilingReporter(reporter);
    const loader = await openTraining(recipe, ({ key, message }) => {
      reporter.failure(`replaced by the next image: ${key}: ${message}`);
    });
    try {
      const note = (line: string) => {
        reporter.note(line);
      };
      warmupWarning(recipe, stepsPerEpoch(loader.length, recipe.batch.size)).forEach(note);
      const classes = await matchSplits(recipe, loader.dataset, note);
      if (resume !== undefined) await checkSameClasses(folder, classes, note);
      if (ranks !== undefined)
        await checkAlike(ranks, {
          version: versionOf('largekernel'),
          recipe: recipeHash(recipe),
          adapter: device.name,
          'steps at most': request.maxSteps ?? 'unlimited',
          classes: classes.classes.map(({ id }) => id).join(' '),
        });
      const context = { folder, resume, reporter, ranks };
      const make = async () => {
        const plan = await planOf(request, recipe, classes, device, { ...context, interrupted });
        return tried(recipe, loader, classes, plan, { ...context, device, pipelines });
      };
      const made = await withoutRefusedUnits(device, note, make, ranks);
      return await use({ device, loader, classes, ...made });
    } finally {
      await loader.close();
    }
  } finally {
    if (opened === undefined) device.close();
  }
}

type Tried = Pick<Prepared, 'session' | 'images' | 'teacher' | 'checked'>;

/** Makes the session of a run and tries it; both splits are open before anything is compiled. */
async function tried(
  recipe: Recipe,
  loader: Loader,
  classes: ClassList,
  plan: TrainingPlan,
  context: Omit<PlanContext, 'interrupted'> & OpenedDevice,
): Promise<Tried> {
  const { device, pipelines, folder, resume, reporter, ranks } = context;
  const validation = await openEvaluation(recipe, classes, plan.evaluationBatch, ({ key, message }) => {
    reporter.failure(`left out: ${key}: ${message}`);
  });
  try {
    const note = (line: string) => {
      reporter.note(line);
    };
    for (const { dataset } of [loader, validation]) leftOut(dataset.name, dataset.notes).forEach(note);
    const images = {
      training: await imagesOf(loader.dataset),
      validation: await imagesOf(validation.dataset),
    };
    if (resume !== undefined) await checkSameImages(folder, images, note);
    // Other ranks get rank 0's weights before the first step.
    const begins = resume === undefined && ranks?.isFirst !== false;
    const initial = begins ? await loadInitial(recipe, plan.model, classes, reporter) : new Map();
    const teacher = await loadTeacher(recipe, plan.teacher?.model, classes, note);
    if (ranks !== undefined)
      await checkAlike(ranks, {
        'training images': `${loader.length} (${images.training.fingerprint})`,
        'validation images': `${validation.length} (${images.validation.fingerprint})`,
        teacher: teacher === undefined ? 'none' : Object.values(identityOf(teacher)).join(' '),
      });
    if (resume !== undefined && teacher !== undefined)
      await checkSameTeacher(folder.teacher, recipe.distill?.teacher ?? '', teacher);
    const session = await TrainingSession.create(device, pipelines, plan, teacher?.values, ranks);
    await session.initialise(recipe.seed, initial);
    const checked = await withSigns(
      reporter,
      () => 'trying a batch of validation images',
      () => preflight(recipe, { training: loader, validation }, session, folder),
    );
    return { session, images, teacher, checked };
  } finally {
    await validation.close();
  }
}

/** Before ranks are started. @throws FrameworkError `mpi/shards` where they could not share a step, and as recipes do */
export async function checkRanks(request: TrainRequest, ranks: number): Promise<void> {
  checkShards((await loadChecked(request.recipe, overridesOf(request))).recipe, ranks);
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
