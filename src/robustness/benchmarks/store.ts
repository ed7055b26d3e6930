import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FrameworkError } from '../../util/errors.ts';
import { readJson, writeFileAtomic } from '../../util/files.ts';
import type { BenchmarkResult } from './result.ts';
import type { Tally } from './tally.ts';
import type { WorkUnit } from './units.ts';

/** What an evaluation is of. Units of another identity are never mixed in. */
export type Identity = Readonly<Record<string, string | number>>;

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
    const found = await optional(path);
    if (found === undefined) await writeFileAtomic(path, text(identity));
    else {
      const before = found as Identity;
      const keys = [...new Set([...Object.keys(before), ...Object.keys(identity)])];
      const changed = keys.filter((key) => before[key] !== identity[key]);
      if (changed.length > 0)
        throw new FrameworkError(
          'evaluate/other-run',
          `${folder} holds an evaluation with another ${changed.map((k) => `${k} (${before[k]}, now ${identity[k]})`).join(', ')}`,
          { hint: 'choose another output folder, or delete that one' },
        );
    }
    return new EvaluationStore(folder);
  }

  /** The tally of a unit that was finished before, or undefined. */
  async read(unit: WorkUnit): Promise<Tally | undefined> {
    const found = await optional(this.unitPath(unit));
    return found === undefined ? undefined : (found as Tally);
  }

  async write(unit: WorkUnit, tally: Tally): Promise<void> {
    await writeFileAtomic(this.unitPath(unit), text(tally));
  }

  async finish(result: BenchmarkResult): Promise<string> {
    const path = join(this.folder, 'result.json');
    await writeFileAtomic(path, `${JSON.stringify(result, undefined, 1)}\n`);
    return path;
  }

  private unitPath(unit: WorkUnit): string {
    return join(this.folder, 'units', `${String(unit.index).padStart(5, '0')}.json`);
  }
}

async function optional(path: string): Promise<unknown> {
  try {
    return await readJson(path);
  } catch (error) {
    if (error instanceof FrameworkError && error.code === 'file/missing') return undefined;
    throw error;
  }
}

function text(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** SHA-256 of lines. */
export function hashLines(lines: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const line of lines) hash.update(`${line}\n`);
  return hash.digest('hex');
}
