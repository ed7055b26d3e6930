import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../device/device.ts';
import { FrameworkError } from '../util/errors.ts';
import { versionOf } from '../util/modules.ts';
import { makeFolder, readJson, writeFileAtomic } from '../util/files.ts';

/**
 * A run's folder:
 *
 *     recipe.yaml         the resolved recipe, each value with its source
 *     environment.json    adapter, driver, versions
 *     tuning.json         the micro-batch, and which way of computing each kernel was chosen
 *     metrics.jsonl       one line a step and one an evaluation
 *     summary.json        written at the end of the run
 *     checkpoints/        see checkpoints.ts
 *     claim.json          who trains here, while it does
 */
export interface RunFolder {
  readonly root: string;
  readonly recipe: string;
  readonly environment: string;
  readonly tuning: string;
  readonly metrics: string;
  readonly summary: string;
  readonly checkpoints: string;
  readonly claim: string;
}

export function runFolder(root: string): RunFolder {
  return {
    root,
    recipe: join(root, 'recipe.yaml'),
    environment: join(root, 'environment.json'),
    tuning: join(root, 'tuning.json'),
    metrics: join(root, 'metrics.jsonl'),
    summary: join(root, 'summary.json'),
    checkpoints: join(root, 'checkpoints'),
    claim: join(root, 'claim.json'),
  };
}

/** Whether a path is a run's folder (as opposed to a file of weights). */
export function isRunFolder(path: string): boolean {
  return existsSync(join(path, 'recipe.yaml'));
}

/** What a result may depend on. */
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
  };
}

export function describeEnvironment(device: Device): Environment {
  return {
    largekernel: versionOf('largekernel'),
    webgpu: versionOf('webgpu'),
    node: process.version,
    platform: `${platform()} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    adapter: { kind: device.kind, name: device.name, description: device.description, vendor: device.vendor },
  };
}

/**
 * Prepares the folder of a new or resumed run.
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
  await makeFolder(folder.checkpoints);
  const environment = describeEnvironment(device);
  if (resume) {
    await checkSameRun(folder, hash, environment);
    return;
  }
  await writeFileAtomic(folder.recipe, resolved);
  await writeFileAtomic(
    folder.environment,
    `${JSON.stringify({ ...environment, recipeHash: hash }, null, 2)}\n`,
  );
}

async function checkSameRun(folder: RunFolder, hash: string, now: Environment): Promise<void> {
  const before = (await readJson(folder.environment)) as Environment & { recipeHash: string };
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

/** The resolved recipe of a run, as text. */
export async function readRunRecipe(folder: RunFolder): Promise<string> {
  return readFile(folder.recipe, 'utf8');
}
