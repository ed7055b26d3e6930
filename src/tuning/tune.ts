import { dirname } from 'node:path';
import type { Device } from '../device/device.ts';
import { messageOf } from '../util/errors.ts';
import { makeFolder } from '../util/files.ts';
import { choicesFile, identityOf, saveChoices } from './choices.ts';
import type { Tuned } from './measure.ts';
import { fingerprintOf, isSameVariant, type Problem } from './problem.ts';
import { TuningProcess } from './process.ts';
import { variantLabel } from '../ops/kernels.ts';

/** The outcome for one problem. Without `tuned`, its first variant could not run and nothing is stored. */
export interface TuneResult {
  readonly problem: Problem;
  readonly tuned?: Tuned;
  readonly failure?: string;
}

/** Times the variants of each problem on a device, until interrupted, and stores every choice as soon as it is made. */
export async function tune(
  device: Device,
  problems: readonly Problem[],
  onResult: (result: TuneResult, done: number) => void,
  interrupted: () => boolean = () => false,
): Promise<TuneResult[]> {
  const identity = identityOf(device);
  await makeFolder(dirname(choicesFile(identity))); // before the first kernel is timed for nothing
  const timing = new TuningProcess(device);
  const results: TuneResult[] = [];
  try {
    for (const problem of problems) {
      if (interrupted()) break;
      const result = await tuneOne(timing, problem);
      if (result.tuned !== undefined) {
        const choice = { fingerprint: fingerprintOf(problem), variant: result.tuned.variant };
        await saveChoices(identity, new Map([[problem.key, choice]]));
      }
      results.push(result);
      onResult(result, results.length);
    }
  } finally {
    timing.close();
  }
  return results;
}

async function tuneOne(timing: TuningProcess, problem: Problem): Promise<TuneResult> {
  try {
    return { problem, tuned: await timing.tune(problem) };
  } catch (error) {
    return { problem, failure: messageOf(error) };
  }
}

/** Whether another variant than the op's first guess was chosen. */
export function isChanged({ problem, tuned }: TuneResult): boolean {
  const [first] = problem.variants;
  return tuned !== undefined && first !== undefined && !isSameVariant(tuned.variant, first);
}

/** `depthwise x=f32(2, 96, 56, 56) …: 12.1 → 8.0 ms, kind=vector lanes=8` */
export function describeResult(result: TuneResult): string {
  const { problem, tuned, failure } = result;
  if (tuned === undefined) return `${problem.key}: not tuned: ${failure ?? ''}`;
  const ms = (value: number) => value.toPrecision(3);
  const outcome = isChanged(result)
    ? `${ms(tuned.ruleMs)} → ${ms(tuned.ms)} ms, ${variantLabel(tuned.variant)}`
    : `${tuned.ms === 0 ? 'not timed' : `${ms(tuned.ms)} ms`}, the first of ${problem.variants.length} variants`;
  const dropped = tuned.dropped.map(
    ({ variant, reason }) => `; left out ${variantLabel(variant)}: ${reason}`,
  );
  return `${problem.key}: ${outcome}${dropped.join('')}`;
}
