import type { ClassList } from '../data/dataset.ts';
import type { Loader } from '../data/loader.ts';
import type { Device } from '../device/device.ts';
import type { Ranks } from '../mpi/ranks.ts';
import type { Recipe } from '../recipe/schema.ts';
import type { Claim } from '../util/claim.ts';
import type { Reporter } from './log/reporter.ts';
import type { Checkpoint } from './run/checkpoints.ts';
import type { RunFolder } from './run/run-folder.ts';
import type { TrainingSession } from './step/session.ts';

/** A run with everything that it needs open. */
export interface TrainingJob {
  readonly recipe: Recipe;
  readonly recipeHash: string;
  readonly device: Device;
  readonly session: TrainingSession;
  readonly loader: Loader;
  /** The classes of the model's outputs. */
  readonly classes: ClassList;
  readonly folder: RunFolder;
  /** By which this process holds the folder; undefined where another rank does. */
  readonly claim: Claim | undefined;
  readonly reporter: Reporter;
  /** The state to resume from, if any. */
  readonly resume: Checkpoint | undefined;
  /** Stop after so many optimiser steps in all. */
  readonly maxSteps: number | undefined;
  /** Becomes true when the run should save and stop. */
  readonly interrupted: () => boolean;
  /** Makes an interruption of one rank one of all; to be called between steps. */
  readonly agree: () => Promise<void>;
  /** The processes that train together, if there are several. */
  readonly ranks: Ranks | undefined;
}
