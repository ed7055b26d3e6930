import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { listAdapters } from '../device/adapters.ts';
import { openDevice, type Device } from '../device/device.ts';
import { loadRecipe } from '../recipe/load.ts';
import { recipeHash } from '../recipe/resolved.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Model } from '../models/model.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError } from '../util/errors.ts';
import { readJson, writeFileAtomic } from '../util/files.ts';
import { latestCheckpoint, type Checkpoint } from './checkpoints.ts';
import { openTraining } from './data.ts';
import { fitPlan, targetOf, type Target } from './fit.ts';
import { loadInitial } from './initial-weights.ts';
import { modelOfRecipe } from './recipe-model.ts';
import type { Reporter } from './reporter.ts';
import { prepareRunFolder, runFolder, type RunFolder } from './run-folder.ts';
import { TrainingSession } from './session.ts';
import { train, type TrainingSummary } from './train.ts';
import type { TrainingPlan } from './training-plan.ts';
import { recordedPlan, recordOf, tunedPlan, type TuneMode } from './tuned-plan.ts';

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
  const { recipe } = loaded;
  const hash = recipeHash(recipe);
  const { folder, resume } = await chooseFolder(request, recipe, hash);
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
          : await continuedPlan(recipe, model, target, folder.tuning);
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
      if (resume === undefined) await writeFileAtomic(folder.tuning, recordOf(plan, device));
      const session = await TrainingSession.create(device, pipelines, plan);
      session.initialise(recipe.seed, initial);
      const job = {
        recipe,
        recipeHash: hash,
        device,
        session,
        loader,
        folder,
        reporter,
        resume,
        maxSteps: request.maxSteps,
        interrupted,
      };
      const summary = await train(job);
      await writeFileAtomic(
        folder.summary,
        `${JSON.stringify({ ...summary, bytes: session.bytes, plannedBytes: plan.memory.total }, null, 2)}\n`,
      );
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
): Promise<TrainingPlan> {
  const { micro, choose } = await recordedPlan(record);
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

/**
 * With --out, that folder: new, or gone on with if it holds an unfinished run. Without, `runs/<recipe>`, or the first of
 * `runs/<recipe>-2`, … that is free or holds an unfinished run of the very same recipe.
 */
async function chooseFolder(
  request: TrainRequest,
  recipe: Recipe,
  hash: string,
): Promise<{ folder: RunFolder; resume: Checkpoint | undefined }> {
  const { out, resume: insist } = request;
  for (let number = 1; ; number++) {
    const root = out ?? join('runs', `${recipe.name}${number === 1 ? '' : `-${number}`}`);
    const folder = runFolder(root);
    const state = await stateOf(folder, hash);
    if (state.kind === 'free' || state.kind === 'empty') {
      if (insist) throw nothingToResume(root);
      return { folder, resume: undefined };
    }
    const goesFurther = request.maxSteps === undefined || state.checkpoint.info.step < request.maxSteps;
    if (state.sameRecipe && !state.finished && (goesFurther || out !== undefined))
      return { folder, resume: state.checkpoint };
    if (out !== undefined) return refuse(root, state);
  }
}

type FolderState =
  | { readonly kind: 'free' }
  /** A run that was stopped before its first checkpoint. */
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'run';
      readonly checkpoint: Checkpoint;
      readonly sameRecipe: boolean;
      readonly finished: boolean;
    };

async function stateOf(folder: RunFolder, hash: string): Promise<FolderState> {
  if (!existsSync(folder.environment)) return { kind: 'free' };
  const checkpoint = await latestCheckpoint(folder.checkpoints);
  if (checkpoint === undefined) return { kind: 'empty' };
  const environment = (await readJson(folder.environment)) as { recipeHash?: string };
  const summary = existsSync(folder.summary)
    ? ((await readJson(folder.summary)) as { outcome?: string })
    : {};
  return {
    kind: 'run',
    checkpoint,
    sameRecipe: environment.recipeHash === hash,
    finished: summary.outcome === 'finished',
  };
}

function refuse(root: string, state: FolderState & { kind: 'run' }): never {
  if (state.sameRecipe) {
    throw new FrameworkError(
      'recipe/finished',
      `${root} holds a finished run of this recipe (step ${state.checkpoint.info.step}).`,
      {
        hint: 'Choose another --out to train again, or `largekernel evaluate --checkpoint` to look at it.',
      },
    );
  }
  throw new FrameworkError('recipe/other-run', `${root} holds a run of another recipe than the one given.`, {
    hint: 'Give the same recipe and --set values to go on with it, or another --out.',
  });
}

function nothingToResume(root: string): FrameworkError {
  return new FrameworkError('checkpoint/none', `--resume was given, but ${root} holds no checkpoint.`, {
    hint: 'Leave --resume out to start a new run there.',
  });
}
