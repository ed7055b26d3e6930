import { listAdapters } from '../device/adapters.ts';
import { openDevice, type Device } from '../device/device.ts';
import { loadRecipe, type LoadedRecipe } from '../recipe/load.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Model } from '../models/model.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { setAside } from './checkpoints.ts';
import { chooseFolder, type ChosenFolder } from './choose-folder.ts';
import { openTraining } from './data.ts';
import { fitPlan, targetOf, type Target } from './fit.ts';
import { loadInitial } from './initial-weights.ts';
import { modelOfRecipe } from './recipe-model.ts';
import type { Reporter } from './reporter.ts';
import { prepareRunFolder, writeSummary, type RunFolder, type TrainingSummary } from './run-folder.ts';
import { TrainingSession } from './session.ts';
import { train } from './train.ts';
import type { TrainingPlan } from './training-plan.ts';
import { recordedPlan, tunedPlan, writeRecord, type TuneMode } from './tuned-plan.ts';

export interface TrainRequest {
  readonly recipe: string;
  readonly overrides: readonly string[];
  readonly data: string | undefined;
  readonly out: string | undefined;
  readonly init: string | undefined;
  /** Insist on going on with an earlier run. */
  readonly resume: boolean;
  readonly maxSteps: number | undefined;
  readonly adapter: string;
  readonly memoryGib: number | undefined;
  /** Of a new run; one that goes on keeps its kernels. Off unless given. */
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

/** From a request on the command line to a finished, stopped or interrupted run. */
export async function startTraining(
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened?: OpenedDevice,
): Promise<TrainResult> {
  const loaded = await loadRecipe(request.recipe, overridesOf(request));
  const hash = recipeHash(loaded.recipe);
  const chosen = await chooseFolder(request, loaded.recipe, hash, (line) => {
    reporter.note(line);
  });
  try {
    return await trainIn(chosen, loaded, hash, request, reporter, interrupted, opened);
  } finally {
    await chosen.claim.release();
  }
}

async function trainIn(
  { folder, resume, damaged, claim }: ChosenFolder,
  loaded: LoadedRecipe,
  hash: string,
  request: TrainRequest,
  reporter: Reporter,
  interrupted: () => boolean,
  opened: OpenedDevice | undefined,
): Promise<TrainResult> {
  const { recipe } = loaded;
  for (const { error } of damaged) reporter.note(error.message);
  if (resume !== undefined) reporter.note(`going on with ${folder.root} after step ${resume.info.step}`);
  const loader = await openTraining(recipe, ({ key, message }) => {
    reporter.note(`replaced by the next image: ${key}: ${message}`);
  });
  try {
    const device = opened?.device ?? (await openDevice(request.adapter));
    try {
      await noteAdapter(device, request.adapter, reporter);
      const pipelines = opened?.pipelines ?? new PipelineCache(device);
      const model = modelOfRecipe(recipe.model, loader.dataset.classes.length);
      const target = targetOf(device, request.memoryGib);
      const note = (line: string) => {
        reporter.note(line);
      };
      const plan =
        resume === undefined
          ? await tunedPlan({ recipe, model, target, device, interrupted }, request.tuning ?? 'off', note)
          : await continuedPlan(recipe, model, target, folder.tuning, note);
      reporter.note(
        `${plan.model.name}: batches of ${plan.batch} in micro-batches of ${plan.micro}, ${(plan.memory.total / 2 ** 20).toFixed(0)} MiB of device memory; ` +
          `${loader.length} training images`,
      );
      if (device.kind === 'lavapipe')
        reporter.note(
          'the first step compiles every kernel: minutes for a large model, seconds once they are cached',
        );
      const initial =
        resume === undefined
          ? await loadInitial(recipe, plan.model, reporter)
          : new Map<string, Float32Array>();
      await prepareRunFolder(folder, loaded.yaml, hash, device, resume !== undefined);
      if (resume === undefined) await writeRecord(folder.tuning, plan, device);
      for (const one of damaged) await setAside(one.folder);
      const session = await TrainingSession.create(device, pipelines, plan);
      session.initialise(recipe.seed, initial);
      const job = {
        recipe,
        recipeHash: hash,
        device,
        session,
        loader,
        folder,
        claim,
        reporter,
        resume,
        maxSteps: request.maxSteps,
        interrupted,
      };
      const summary = await train(job);
      await writeSummary(folder, { ...summary, bytes: session.bytes, plannedBytes: plan.memory.total });
      return { recipe, folder, summary };
    } finally {
      if (opened === undefined) device.close();
    }
  } finally {
    await loader.close();
  }
}

function overridesOf({ overrides, data, init }: TrainRequest): string[] {
  const given = [...overrides];
  if (data !== undefined) given.push(`data.root=${JSON.stringify(data)}`);
  if (init !== undefined) given.push(`init.file=${JSON.stringify(init)}`);
  return given;
}

/** As a run was planned before: other micro-batches or kernels would change its bits. */
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
