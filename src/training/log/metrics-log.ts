import { open, stat, type FileHandle } from 'node:fs/promises';
import { join, dirname } from 'node:path';
import { FrameworkError, messageOf } from '../../util/errors.ts';
import { readBytes, writeFileAtomic } from '../../util/files.ts';
import { ifThere, sealedLine, unsealedLine } from '../../util/sealed.ts';

/** One line of `metrics.jsonl`. */
export type MetricsRecord =
  | {
      readonly kind: 'step';
      /** Optimiser steps done after this one. */
      readonly step: number;
      readonly epoch: number;
      readonly lr: number;
      /** Mean over the effective batch, at full precision. */
      readonly loss: number;
      /** Global L2 norm of the gradient before clipping. */
      readonly gradNorm: number;
      /** With `precision: f16`; where the norm is not finite (null in the file), the step was skipped. */
      readonly lossScale?: number;
      /** Null of the first step that a process makes, in which kernels compile. */
      readonly imagesPerSecond: number | null;
      /** Between ranks: for how long rank 0's device waited for gradients to be summed, with nothing left to compute. */
      readonly exposedMs?: number;
    }
  | {
      readonly kind: 'evaluation';
      readonly step: number;
      readonly epoch: number;
      readonly weights: 'raw' | 'ema';
      readonly top1: number;
      readonly top5: number;
      readonly loss: number;
      readonly count: number;
      /** Images that could not be read and were left out. */
      readonly skipped: number;
    };

/** The append-only log of a run. Lines of steps after the resumed checkpoint are dropped, so that a resumed run logs each step once. */
export class MetricsLog {
  /** The log up to the point where the run resumes. */
  readonly kept: readonly MetricsRecord[];
  private readonly path: string;
  private readonly handle: FileHandle;
  private last: string;
  /** Lines are written one after another, whoever asks when. */
  private written: Promise<void> = Promise.resolve();

  private constructor(path: string, handle: FileHandle, kept: readonly MetricsRecord[], last: string) {
    this.path = path;
    this.handle = handle;
    this.kept = kept;
    this.last = last;
  }

  /**
   * @param step keep records up to this step; 0 begins anew
   * @param note told of damage; the damaged log is then kept beside the new one
   */
  static async open(path: string, step: number, note: (line: string) => void): Promise<MetricsLog> {
    const kept = step === 0 ? [] : await recordsUpTo(path, step, note);
    const lines: string[] = [];
    for (const record of kept) lines.push(sealedLine(record, lines.at(-1) ?? ''));
    await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(''));
    return new MetricsLog(path, await open(path, 'a'), kept, lines.at(-1) ?? '');
  }

  append(records: readonly MetricsRecord[]): Promise<void> {
    this.written = this.written.then(() => this.write(records));
    return this.written;
  }

  private async write(records: readonly MetricsRecord[]): Promise<void> {
    let text = '';
    for (const record of records) {
      this.last = sealedLine(record, this.last);
      text += `${this.last}\n`;
    }
    try {
      await this.checkThere();
      await this.handle.appendFile(text);
    } catch (error) {
      throw this.failure(error);
    }
  }

  /** A file that was deleted can be written to without an error; its lines would be lost without a word. */
  private async checkThere(): Promise<void> {
    const [own, there] = await Promise.all([
      this.handle.stat({ bigint: true }),
      stat(this.path, { bigint: true }),
    ]);
    if (own.ino !== there.ino) throw new Error('another file has taken its place');
  }

  /** Everything logged is on the disk. */
  async sync(): Promise<void> {
    await this.written;
    try {
      await this.handle.sync();
    } catch (error) {
      throw this.failure(error);
    }
  }

  private failure(error: unknown): FrameworkError {
    return new FrameworkError('file/write', `${this.path} cannot be written: ${messageOf(error)}.`, {
      hint: 'Look after the disk and the folder, then run again with --resume: saved checkpoints were not touched.',
      cause: error,
    });
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function recordsUpTo(
  path: string,
  step: number,
  note: (line: string) => void,
): Promise<readonly MetricsRecord[]> {
  const text = await ifThere(readLog(path));
  if (text === undefined) {
    note(`${path} is missing: the log begins after step ${step}`);
    return [];
  }
  const { records, damage } = parseLog(text);
  if (damage.length > 0) {
    const copy = join(dirname(path), 'metrics.damaged.jsonl');
    await writeFileAtomic(copy, text);
    note(`${path}: ${damage.join('; ')}. What is whole is kept; the file as it was is now ${copy}`);
  }
  const kept = records.filter((record) => record.step <= step);
  const steps = kept.filter(({ kind }) => kind === 'step').length;
  if (steps !== step) note(`${path} holds ${steps} of the ${step} steps until now`);
  return kept;
}

/** Bytes: 300,000 steps take 60 MB. */
const LARGEST = 2 ** 29;

async function readLog(path: string): Promise<string> {
  return (await readBytes(path, LARGEST)).toString('utf8');
}

/** A last line without its end was cut short by a kill: that is no damage. Neither are the line ends of Windows. */
function parseLog(text: string): { records: MetricsRecord[]; damage: string[] } {
  const records: MetricsRecord[] = [];
  const damage: string[] = [];
  const lines = text.split(/\r?\n/).slice(0, -1);
  const isLater = later();
  lines.forEach((line, i) => {
    const record = unsealedLine(line, lines[i - 1] ?? '') as MetricsRecord | undefined;
    if (record === undefined) damage.push(`line ${i + 1} was damaged or changed since it was written`);
    else if (!isLater(record)) damage.push(`line ${i + 1} goes back to step ${record.step}`);
    else records.push(record);
  });
  return { records, damage: damage.length > 3 ? [...damage.slice(0, 3), `… (${damage.length})`] : damage };
}

/** Tells whether each record follows those before it: a copy put behind a log would count its steps twice. */
export function later(): (record: MetricsRecord) => boolean {
  let last = -1;
  const seen = new Set<string>(); // of the last step
  return (record) => {
    const key = record.kind === 'step' ? 'step' : record.weights;
    if (record.step < last || (record.step === last && seen.has(key))) return false;
    if (record.step > last) seen.clear();
    last = record.step;
    seen.add(key);
    return true;
  };
}

/**
 * All records of a run's log that are as they were written.
 * @param onDamage told of lines that are not
 * @throws FrameworkError `file/missing`, `file/read`
 */
export async function readMetrics(path: string, onDamage: (what: string) => void): Promise<MetricsRecord[]> {
  const { records, damage } = parseLog(await readLog(path));
  if (damage.length > 0) onDamage(`${path}: ${damage.join('; ')}`);
  return records;
}
