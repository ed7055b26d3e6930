/**
 * What a run shows of itself besides its log: small sealed files in `looks/`, for people. Nothing reads them back into training. Each is
 * written anew, so that they stay small however long a run takes.
 *
 *     looks/training.json          how long the run is, and its first images after augmentation and mixing
 *     looks/kernels.json           the share of each op in the device's time
 *     looks/evaluation-raw.json    confusion and worst mistakes of the latest evaluation; `-ema` of averaged weights
 */
import { join } from 'node:path';
import { ifThere, readSealed, sealedKind, writeSealed, type SealedKind } from '../../util/sealed.ts';
import type { RunFolder } from '../run/run-folder.ts';
import type { EvaluationLook, KernelsLook, TrainingLook } from './looks.ts';

const OTHERWISE = 'Delete it; training that goes on writes it anew.';
const LOOKS = {
  training: sealedKind<TrainingLook>('look at training', 1, OTHERWISE),
  kernels: sealedKind<KernelsLook>('look at kernels', 1, OTHERWISE),
  'evaluation-raw': sealedKind<EvaluationLook>('look at an evaluation', 1, OTHERWISE),
  'evaluation-ema': sealedKind<EvaluationLook>('look at an evaluation', 1, OTHERWISE),
};

export type LookName = keyof typeof LOOKS;
export type LookOf<N extends LookName> = (typeof LOOKS)[N] extends SealedKind<infer T> ? T : never;
export const LOOK_NAMES = Object.keys(LOOKS) as readonly LookName[];

export function lookPath({ looks }: RunFolder, name: LookName): string {
  return join(looks, `${name}.json`);
}

export async function writeLook<N extends LookName>(
  folder: RunFolder,
  name: N,
  content: LookOf<N>,
): Promise<void> {
  await writeSealed(lookPath(folder, name), LOOKS[name] as SealedKind<LookOf<N>>, content);
}

/** Undefined where a run has none. @throws FrameworkError unless it is as it was written */
export async function readLook<N extends LookName>(
  folder: RunFolder,
  name: N,
): Promise<LookOf<N> | undefined> {
  return ifThere(readSealed(lookPath(folder, name), LOOKS[name] as SealedKind<LookOf<N>>));
}
