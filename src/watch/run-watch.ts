import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LogTail } from '../training/log/log-tail.ts';
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import { LOOK_NAMES, lookPath, readLook } from '../training/look/look-files.ts';
import { checkpointName, listCheckpoints } from '../training/run/checkpoints.ts';
import {
  readIdentity,
  readSummary,
  runFolder,
  type RunFolder,
  type RunIdentity,
  type TrainingSummary,
} from '../training/run/run-folder.ts';
import { holderOf } from '../util/claim.ts';
import { messageOf } from '../util/errors.ts';
import { ifThere } from '../util/sealed.ts';
import { StepSeries } from './series.ts';
import type { Looks } from './wire.ts';

type EvaluationRecord = MetricsRecord & { readonly kind: 'evaluation' };

/** Told of records as they come; `isNew`: all before are void. */
type RecordListener = (records: readonly MetricsRecord[], isNew: boolean) => void;

/** One run as its folder shows it, read again and again while it goes on. Nothing is written, and nothing is claimed. */
export class RunWatch {
  readonly name: string;
  readonly folder: RunFolder;
  readonly series = new StepSeries();
  evaluations: EvaluationRecord[] = [];
  identity: RunIdentity | undefined;
  summary: TrainingSummary | undefined;
  looks: Looks = { evaluations: [] };
  checkpoint: { readonly step: number; readonly at: number } | undefined;
  holder: { readonly pid: number; readonly host: string } | undefined;
  /** Grows with every change of `looks`. */
  looksVersion = 0;
  private readonly log: LogTail;
  private readonly listeners: RecordListener[] = [];
  private readonly problems = new Map<string, string>();
  private readonly seen = new Map<string, string>();

  constructor(name: string, root: string) {
    this.name = name;
    this.folder = runFolder(root);
    this.log = new LogTail(this.folder.metrics);
  }

  listen(listener: RecordListener): void {
    this.listeners.push(listener);
  }

  /** When the log last grew, in ms since 1970. */
  get changed(): number | undefined {
    return this.log.changed;
  }

  /** What is wrong with the files of the run, in words. */
  get notes(): string[] {
    const { damaged, isCut, problem } = this.log;
    const lines = damaged.length > 3 ? [...damaged.slice(0, 3), '…'] : damaged;
    const { loss, gradNorm } = this.series.missing;
    return [
      ...(problem === undefined ? [] : [`metrics.jsonl cannot be read: ${problem}`]),
      ...(damaged.length === 0
        ? []
        : [
            `metrics.jsonl: ${damaged.length === 1 ? 'line' : `${damaged.length} lines,`} ${lines.join(', ')} damaged or changed since written; left out here`,
          ]),
      ...(isCut && this.holder === undefined
        ? ['metrics.jsonl: the last line was cut short; left out here']
        : []),
      ...(loss === 0 ? [] : [`the loss is not finite in ${count(loss, 'step')}: gaps in the curve`]),
      ...(gradNorm === 0
        ? []
        : [`the gradient norm is not finite in ${count(gradNorm, 'step')}: gaps in the curve`]),
      ...this.problems.values(),
    ];
  }

  /** Reads what changed. @returns whether anything did */
  async refresh(): Promise<boolean> {
    const before = this.notes.join('\n');
    const { isNew, records } = await this.log.poll();
    if (isNew) {
      this.series.clear();
      this.evaluations = [];
    }
    for (const record of records) {
      if (record.kind === 'step') this.series.add(record);
      else this.evaluations.push(record);
    }
    if (isNew || records.length > 0) for (const listener of this.listeners) listener(records, isNew);
    const held = this.holder !== undefined;
    const others = await this.refreshOthers();
    // A killed run leaves its claim as it was.
    const ended = held !== (this.holder !== undefined);
    return isNew || records.length > 0 || others || ended || this.notes.join('\n') !== before;
  }

  private async refreshOthers(): Promise<boolean> {
    const { folder } = this;
    const changes = [
      await this.follow(folder.environment, async () => {
        this.identity = await readIdentity(folder);
      }),
      await this.follow(folder.summary, async () => {
        this.summary = undefined;
        this.summary = await readSummary(folder);
      }),
      await this.follow(folder.checkpoints, () => this.readCheckpoint()),
      await this.follow(folder.claim, () => this.readHolder(), true),
      await this.refreshLooks(),
    ];
    return changes.includes(true);
  }

  private async refreshLooks(): Promise<boolean> {
    let hasChanged = false;
    for (const name of LOOK_NAMES)
      hasChanged = (await this.follow(lookPath(this.folder, name), async () => undefined)) || hasChanged;
    if (!hasChanged) return false;
    const part = async <T>(name: string, reading: Promise<T | undefined>): Promise<T | undefined> =>
      reading.catch((error: unknown) => {
        this.problems.set(name, messageOf(error));
        return undefined;
      });
    for (const name of LOOK_NAMES) this.problems.delete(name);
    const [training, kernels, raw, ema] = [
      await part('training', readLook(this.folder, 'training')),
      await part('kernels', readLook(this.folder, 'kernels')),
      await part('evaluation-raw', readLook(this.folder, 'evaluation-raw')),
      await part('evaluation-ema', readLook(this.folder, 'evaluation-ema')),
    ];
    this.looks = {
      ...(training && { training }),
      ...(kernels && { kernels }),
      evaluations: [raw, ema].filter((look) => look !== undefined),
    };
    this.looksVersion++;
    return true;
  }

  /** Reads a file where it is another than before. @param always its content tells more than its date */
  private async follow(path: string, read: () => Promise<void>, always = false): Promise<boolean> {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    const now = found === undefined ? '' : `${found.ino} ${found.mtimeNs} ${found.size}`;
    const isSame = now === (this.seen.get(path) ?? '');
    if (isSame && !(always && now !== '')) return false;
    this.seen.set(path, now);
    this.problems.delete(path);
    try {
      await ifThere(read());
    } catch (error) {
      this.problems.set(path, messageOf(error));
    }
    return !isSame;
  }

  private async readCheckpoint(): Promise<void> {
    const step = (await listCheckpoints(this.folder.checkpoints)).at(-1);
    if (step === undefined) {
      this.checkpoint = undefined;
      return;
    }
    const path = join(this.folder.checkpoints, checkpointName(step), 'checkpoint.json');
    const found = await stat(path).catch(() => undefined);
    this.checkpoint = { step, at: found?.mtimeMs ?? NaN };
  }

  private async readHolder(): Promise<void> {
    const holder = await holderOf(this.folder.claim).catch(() => undefined);
    this.holder = holder && { pid: holder.pid, host: holder.host };
  }
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
