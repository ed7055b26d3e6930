import { join } from 'node:path';
import { onFirst, type Ranks } from '../../../mpi/ranks.ts';
import { FrameworkError, defined } from '../../../util/errors.ts';
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
  fileListSha256: 'it is of other images, by their names, labels, number or bytes',
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

/** A unit's tally, and where it comes from. */
export interface Made {
  readonly unit: WorkUnit;
  readonly tally: Tally;
  readonly by: 'an earlier run' | 'this process' | 'another rank';
}

/**
 * The folder of one evaluation: `identity.json`, `units/00000.json` … and, at the end, `result.json`, each written
 * whole or not at all. A killed evaluation goes on after the last unit and ends with the same result, byte for byte. Between ranks, all of
 * which call the same methods, rank 0 reads and writes.
 */
export class EvaluationStore {
  private readonly folder: string;
  private readonly ranks: Ranks | undefined;
  private hasBegun = false;

  private constructor(folder: string, ranks: Ranks | undefined) {
    this.folder = folder;
    this.ranks = ranks;
  }

  /**
   * @throws FrameworkError `evaluate/other-run` if the folder holds an evaluation of something else, `mpi/unlike` where ranks would evaluate
   *   different things
   */
  static async open(folder: string, identity: Identity, ranks?: Ranks): Promise<EvaluationStore> {
    if (ranks !== undefined) {
      const [first = identity, ...others] = await ranks.gatherAll(identity);
      others.forEach((other, i) => {
        const found = differences(first, other);
        if (found.length > 0)
          throw new FrameworkError(
            'mpi/unlike',
            `Rank ${i + 1} evaluates something else: ${found.join('; ')}.`,
            {
              hint: 'Give all ranks the same weights, images and version.',
            },
          );
      });
    }
    await onFirst(ranks, () => EvaluationStore.identify(folder, identity));
    return new EvaluationStore(folder, ranks);
  }

  private static async identify(folder: string, identity: Identity): Promise<void> {
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
  }

  /**
   * The tallies of units in their order: those that were finished before, and those that are made now. Ranks make as many at once as there
   * are of them.
   * @param maker is noted before the first is made
   */
  async *tallies(
    units: readonly WorkUnit[],
    make: (unit: WorkUnit) => Promise<Tally>,
    maker?: Maker,
  ): AsyncGenerator<Made, void> {
    const size = this.ranks?.size ?? 1;
    for (let at = 0; at < units.length; at += size)
      yield* await this.round(units.slice(at, at + size), make, maker);
  }

  /** At most one unit for each rank. */
  private async round(
    units: readonly WorkUnit[],
    make: (unit: WorkUnit) => Promise<Tally>,
    maker: Maker | undefined,
  ): Promise<Made[]> {
    const { ranks } = this;
    const read = () => Promise.all(units.map(async (unit) => (await this.read(unit)) ?? null));
    const before = ranks === undefined ? await read() : await ranks.fromFirst(read);
    const missing = units.filter((_, i) => before[i] === null);
    if (missing.length > 0 && !this.hasBegun && maker !== undefined) await this.begin(maker);
    const own = missing[ranks?.rank ?? 0];
    const work = async () => (own === undefined ? null : make(own));
    const made = ranks === undefined ? [await work()] : await ranks.all(work);
    const all = units.map((unit, i): Made => {
      const tally = before[i] ?? made[missing.indexOf(unit)] ?? undefined;
      const by = before[i] !== null ? 'an earlier run' : unit === own ? 'this process' : 'another rank';
      return { unit, tally: defined(tally, unit.name), by };
    });
    for (const { unit, tally, by } of all) if (by !== 'an earlier run') await this.write(unit, tally);
    return all;
  }

  /** The tally of a unit that was finished before, or undefined. */
  async read(unit: WorkUnit): Promise<Tally | undefined> {
    return readSealedIfThere(this.unitPath(unit), UNIT);
  }

  async write(unit: WorkUnit, tally: Tally): Promise<void> {
    if (this.isWriter) await writeSealed(this.unitPath(unit), UNIT, tally);
  }

  async finish(result: BenchmarkResult): Promise<void> {
    if (this.isWriter) await writeSealed(join(this.folder, 'result.json'), RESULT, result);
  }

  private get isWriter(): boolean {
    return this.ranks?.isFirst ?? true;
  }

  /** Notes who evaluates now. */
  async begin(maker: Maker): Promise<void> {
    this.hasBegun = true;
    if (!this.isWriter) return;
    const path = join(this.folder, EVALUATION_LOG_NAME);
    const { sessions } = (await readSealedIfThere(path, EVALUATION_LOG)) ?? { sessions: [] };
    const now = { date: new Date().toISOString(), ...maker, node: process.version };
    await writeSealed(path, EVALUATION_LOG, { sessions: [...sessions, now] });
  }

  private unitPath(unit: WorkUnit): string {
    return join(this.folder, 'units', `${String(unit.index).padStart(5, '0')}.json`);
  }
}
