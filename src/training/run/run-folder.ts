import { rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Toggles } from '../../device/dawn.ts';
import type { Device } from '../../device/device.ts';
import { RUN_RECIPE } from '../../recipe/resolved.ts';
import { FrameworkError } from '../../util/errors.ts';
import { makeFolder, readError } from '../../util/files.ts';
import { versionOf } from '../../util/modules.ts';
import {
  readSealed,
  readSealedBytes,
  readSealedIfThere,
  sealedKind,
  writeSealed,
  writeSealedBytes,
} from '../../util/sealed.ts';
import type { Counters } from './checkpoints.ts';
import type { Evaluation } from '../evaluation/evaluation.ts';

/**
 * A run's folder:
 *
 *     recipe.yaml         the resolved recipe, each value with its source
 *     environment.json    adapter, driver, versions
 *     classes.json        what the model's outputs stand for, in order
 *     images.json         how many images of either split it sees, and a fingerprint of them
 *     teacher.json        which teacher it learns from, with `distill`
 *     tuning.json         the micro-batch, and which way of computing each kernel was chosen
 *     metrics.jsonl       one line per step and one per evaluation
 *     summary.json        written at the end of the run
 *     checkpoints/        see checkpoints.ts
 *     looks/              for people: see look/look-files.ts
 *     claim.json          who trains here, while it does
 *
 * Each file carries checksums (see util/sealed.ts), which are verified before anything in it is used.
 */
export interface RunFolder {
  readonly root: string;
  readonly recipe: string;
  readonly environment: string;
  readonly classes: string;
  readonly images: string;
  readonly teacher: string;
  readonly tuning: string;
  readonly metrics: string;
  readonly summary: string;
  readonly checkpoints: string;
  readonly looks: string;
  readonly claim: string;
}

export function runFolder(root: string): RunFolder {
  return {
    root,
    recipe: join(root, 'recipe.yaml'),
    environment: join(root, 'environment.json'),
    classes: join(root, 'classes.json'),
    images: join(root, 'images.json'),
    teacher: join(root, 'teacher.json'),
    tuning: join(root, 'tuning.json'),
    metrics: join(root, 'metrics.jsonl'),
    summary: join(root, 'summary.json'),
    checkpoints: join(root, 'checkpoints'),
    looks: join(root, 'looks'),
    claim: join(root, 'claim.json'),
  };
}

/** Whether a path is a run's folder (as opposed to a file of weights). @throws FrameworkError `file/read` where it cannot be known */
export function isRunFolder(path: string): boolean {
  const { recipe } = runFolder(path);
  try {
    return statSync(recipe, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false; // the path is a file
    throw readError(recipe, error);
  }
}

/** Everything that a result may depend on. */
export interface Environment {
  readonly largekernel: string;
  readonly webgpu: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly adapter: {
    readonly kind: string;
    readonly name: string;
    readonly description: string;
    readonly vendor: string;
    /** Dawn's toggles; absent in runs from before they were recorded. */
    readonly dawn?: Toggles;
  };
}

/** `environment.json`: which run a folder holds, and what it was begun with. */
export interface RunIdentity extends Environment {
  /** Hash of everything that decides the result; see `recipeHash`. */
  readonly recipeHash: string;
}

const IDENTITY = sealedKind<RunIdentity>(
  'run identity',
  1,
  'Restore it from a copy, or train anew with another --out; --init <checkpoint>/model.safetensors starts from the weights of this run.',
);

/** @throws FrameworkError unless it is as it was written; `file/missing` only where there is none */
export async function readIdentity({ environment }: RunFolder): Promise<RunIdentity> {
  return readSealed(environment, IDENTITY);
}

/** `summary.json` */
export interface TrainingSummary {
  readonly outcome: 'finished' | 'max-steps' | 'interrupted';
  readonly step: number;
  readonly steps: number;
  readonly seconds: number;
  /** Without the first step where others followed: kernels may compile in it. */
  readonly imagesPerSecond: number;
  /** Time from the start of training that the rate leaves out. */
  readonly firstStepSeconds?: number;
  /** Steps of the whole run whose gradient overflowed 16 bits and which changed nothing; with `precision: f16`. */
  readonly skippedSteps?: number;
  readonly best: Counters['best'];
  readonly evaluations: Partial<Record<'raw' | 'ema', Evaluation>>;
}

interface StoredSummary extends TrainingSummary {
  /** Bytes of device memory that were allocated, and planned. */
  readonly bytes: number;
  readonly plannedBytes: number;
}

const SUMMARY = sealedKind<StoredSummary>(
  'run summary',
  1,
  'Restore it from a copy, or delete it: the run then goes on from its last checkpoint and writes it anew.',
);

export async function writeSummary({ summary }: RunFolder, content: StoredSummary): Promise<void> {
  await writeSealed(summary, SUMMARY, content);
}

/** Undefined where a run has not ended. @throws FrameworkError unless it is as it was written */
export async function readSummary({ summary }: RunFolder): Promise<TrainingSummary | undefined> {
  return readSealedIfThere(summary, SUMMARY);
}

export function describeEnvironment(device: Device): Environment {
  return {
    largekernel: versionOf('largekernel'),
    webgpu: versionOf('webgpu'),
    node: process.version,
    platform: `${platform()} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    adapter: {
      kind: device.kind,
      name: device.name,
      description: device.description,
      vendor: device.vendor,
      dawn: device.toggles,
    },
  };
}

/**
 * Prepares the folder of a new or resumed run. What an earlier end of it wrote does not outlive its going on.
 * @param resolved the recipe as YAML @param hash of the values that decide the result
 * @throws FrameworkError when the folder holds another run, or the same one on another adapter
 */
export async function prepareRunFolder(
  folder: RunFolder,
  resolved: string,
  hash: string,
  device: Device,
  resume: boolean,
): Promise<void> {
  const environment = describeEnvironment(device);
  if (resume) await checkSameRun(folder, hash, environment);
  await makeFolder(folder.checkpoints);
  await rm(folder.summary, { force: true });
  if (resume) return;
  await writeSealedBytes(folder.recipe, RUN_RECIPE, resolved, { comment: true });
  await writeSealed(folder.environment, IDENTITY, { ...environment, recipeHash: hash });
}

async function checkSameRun(folder: RunFolder, hash: string, now: Environment): Promise<void> {
  const before = await readIdentity(folder);
  if (before.recipeHash !== hash) {
    throw new FrameworkError(
      'recipe/other-run',
      `${folder.root} holds a run of another recipe than the one given.`,
      {
        hint: `Its recipe is ${folder.recipe}. Give the same recipe and --set values, or another --out.`,
      },
    );
  }
  if (before.adapter.name !== now.adapter.name) {
    throw new FrameworkError(
      'device/other-adapter',
      `${folder.root} was trained on ${before.adapter.name}, but the adapter is ${now.adapter.name}: the continuation would not be bit-exact.`,
      {
        hint: `Use --adapter ${before.adapter.kind}, or another --out with --init to start from its weights.`,
      },
    );
  }
}

/** Verifies the recipe of a run before it is loaded. @throws FrameworkError unless it is as it was written */
export async function checkRunRecipe({ recipe }: RunFolder): Promise<void> {
  await readSealedBytes(recipe, RUN_RECIPE);
}
