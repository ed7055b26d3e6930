/** Logs of runs for other programs: CSV, and event files of TensorBoard. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventFile, eventRecords, type ScalarEvent } from '../formats/tfevents.ts';
import { csvTable } from '../report/tables.ts';
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import { writeError, writeFileAtomic } from '../util/files.ts';
import type { RunWatch } from './run-watch.ts';

const COLUMNS = ['kind', 'step', 'epoch', 'lr', 'loss', 'gradNorm', 'lossScale', 'imagesPerSecond', 'weights', 'top1', 'top5', 'count', 'skipped'] as const; // prettier-ignore

/** One line per step and evaluation; fields that a line has not are empty. */
export function stepsCsv(logs: ReadonlyMap<string, readonly MetricsRecord[]>): string {
  const rows = [...logs].flatMap(([name, records]) =>
    records.map((record) => {
      const fields = record as Partial<Record<(typeof COLUMNS)[number], string | number | null>>;
      return [name, ...COLUMNS.map((column) => fields[column] ?? '')];
    }),
  );
  return csvTable(['run', ...COLUMNS], rows);
}

/** The scalars of one line of a log, under the names that TensorBoard groups by. */
export function scalarsOf(record: MetricsRecord): ScalarEvent[] {
  const { step } = record;
  const named: readonly (readonly [string, number | null | undefined])[] =
    record.kind === 'step'
      ? [
          ['train/loss', record.loss],
          ['train/learning_rate', record.lr],
          ['train/gradient_norm', record.gradNorm],
          ['train/images_per_second', record.imagesPerSecond],
          ['train/loss_scale', record.lossScale],
        ]
      : [
          [`evaluation/top1_${record.weights}`, record.top1],
          [`evaluation/top5_${record.weights}`, record.top5],
          [`evaluation/loss_${record.weights}`, record.loss],
        ];
  return named.flatMap(([tag, value]) => (typeof value === 'number' ? [{ step, tag, value }] : []));
}

/** Event files below a folder, one for each run, which grow with the runs' logs. */
export class EventFiles {
  private readonly folder: string;
  /** Files are written one after another. */
  private written: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Begins with a run that is not read yet. */
  follow(run: RunWatch): void {
    const path = join(this.folder, run.name, 'events.out.tfevents.0.largekernel');
    run.listen((records, isNew) => {
      const seconds = Math.floor((run.changed ?? 0) / 1000);
      const scalars = records.flatMap(scalarsOf);
      this.written = this.written.then(() =>
        isNew
          ? writeFileAtomic(path, eventFile(scalars, seconds))
          : appendBytes(path, Buffer.concat(eventRecords(scalars, seconds))),
      );
      this.written.catch(() => undefined); // told by `settled`
    });
  }

  /** Waits for what is being written. @throws FrameworkError as `writeFileAtomic` */
  async settled(): Promise<void> {
    await this.written;
  }
}

async function appendBytes(path: string, bytes: Uint8Array): Promise<void> {
  await appendFile(path, bytes).catch((error: unknown) => {
    throw writeError(path, error);
  });
}
