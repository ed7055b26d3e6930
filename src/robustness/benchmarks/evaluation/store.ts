import { join } from 'node:path';
import { FrameworkError } from '../../../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../../../util/sealed.ts';
import type { Tally } from '../../scoring/tally.ts';
import { RESULT, type BenchmarkResult } from './result.ts';
import type { WorkUnit } from './units.ts';

/** What an evaluation is of. Units of another identity are never mixed in. */
export type Identity = Readonly<Record<string, string | number>>;

/** What numbers are made with. */
export interface Maker {
  /** The version of largekernel. */
  readonly version: string;
  /** Adapter and driver in words. */
  readonly adapter: string;
}

/** The commands that made an evaluation, in order; more than one where it was cut off. */
export interface EvaluationLog {
  readonly sessions: readonly (Maker & { readonly date: string; readonly node: string })[];
}

const AGAIN = 'Delete the folder of this evaluation and run the command again.';
const IDENTITY = sealedKind<Identity>('evaluation identity', 1, AGAIN);
const UNIT = sealedKind<Tally>(
  'evaluation unit',
  1,
  'Delete this file; the command evaluates its images again.',
);
export const EVALUATION_LOG = sealedKind<EvaluationLog>('evaluation log', 1, AGAIN);
export const EVALUATION_LOG_NAME = 'sessions.json';

/** Parts of an identity that are known by their checksum only. */
const CHECKSUMS: Readonly<Record<string, string>> = {
  modelFingerprint: 'the weights are others',
  classListSha256: 'the images have other classes',
  fileListSha256: 'it is of other image files, by their names and number',
};

/** Parts of an identity that people know by another name. */
const WORDS: Readonly<Record<string, string>> = {
  dataOrigin: 'origin of the images',
  imageSize: 'image size',
  subset: 'subset of the images',
};

/** Where two evaluations differ, in words. */
function differences(before: Identity, now: Identity): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys
    .filter((key) => before[key] !== now[key])
    .map(
      (key) =>
        CHECKSUMS[key] ??
        `${WORDS[key] ?? key} was ${before[key] ?? 'not said'}, now ${now[key] ?? 'not said'}`,
    );
}

/**
 * The folder of one evaluation: `identity.json`, `units/00000.json` … and, at the end, `result.json`, each written
 * whole or not at all. A killed evaluation goes on after the last unit and ends with the same result, byte for byte.
 */
export class EvaluationStore {
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws FrameworkError `evaluate/other-run` if the folder holds an evaluation of something else */
  static async open(folder: string, identity: Identity): Promise<EvaluationStore> {
    const path = join(folder, 'identity.json');
    const before = await readSealedIfThere(path, IDENTITY);
    if (before === undefined) await writeSealed(path, IDENTITY, identity);
    else {
      const changed = differences(before, identity);
      if (changed.length > 0)
        throw new FrameworkError(
          'evaluate/other-run',
          `${folder} holds another evaluation: ${changed.join('; ')}`,
          {
            hint: 'choose another output folder with --out, or delete that one',
          },
        );
    }
    return new EvaluationStore(folder);
  }

  /** The tally of a unit that was finished before, or undefined. */
  async read(unit: WorkUnit): Promise<Tally | undefined> {
    return readSealedIfThere(this.unitPath(unit), UNIT);
  }

  async write(unit: WorkUnit, tally: Tally): Promise<void> {
    await writeSealed(this.unitPath(unit), UNIT, tally);
  }

  async finish(result: BenchmarkResult): Promise<string> {
    const path = join(this.folder, 'result.json');
    await writeSealed(path, RESULT, result);
    return path;
  }

  /** Notes who evaluates now. */
  async begin(maker: Maker): Promise<void> {
    const path = join(this.folder, EVALUATION_LOG_NAME);
    const { sessions } = (await readSealedIfThere(path, EVALUATION_LOG)) ?? { sessions: [] };
    const now = { date: new Date().toISOString(), ...maker, node: process.version };
    await writeSealed(path, EVALUATION_LOG, { sessions: [...sessions, now] });
  }

  private unitPath(unit: WorkUnit): string {
    return join(this.folder, 'units', `${String(unit.index).padStart(5, '0')}.json`);
  }
}
