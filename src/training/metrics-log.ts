import { open, readFile, type FileHandle } from 'node:fs/promises';
import { FrameworkError, messageOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';

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
      readonly imagesPerSecond: number;
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
  private readonly path: string;
  private readonly handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /** @param step keep records up to this step; 0 begins anew */
  static async open(path: string, step: number): Promise<MetricsLog> {
    if (step === 0) await writeFileAtomic(path, '');
    else await truncateAfter(path, step);
    return new MetricsLog(path, await open(path, 'a'));
  }

  async append(records: readonly MetricsRecord[]): Promise<void> {
    if (records.length === 0) return;
    try {
      await this.handle.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    } catch (error) {
      throw new FrameworkError('file/write', `${this.path} cannot be written: ${messageOf(error)}.`, {
        hint: 'The last checkpoint is intact; free some space and run again with --resume.',
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function truncateAfter(path: string, step: number): Promise<void> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const kept = text.split('\n').filter((line) => {
    const record = parseLine(line);
    return record !== undefined && record.step <= step;
  });
  await writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
}

/** Undefined for a line cut short by a kill. */
function parseLine(line: string): MetricsRecord | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as MetricsRecord);
  } catch {
    return undefined;
  }
}

/** All records of a run's log. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, 'utf8');
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}
