/** What the processes of one run settle among themselves: folder, plan, state, when to stop. Rank 0 decides, and writes. */
import { listAdapters } from '../device/adapters.ts';
import type { Device } from '../device/device.ts';
import type { FlatStore } from '../execution/store.ts';
import { checkRankCount, type Ranks } from '../mpi/ranks.ts';
import type { Recipe } from '../recipe/schema.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { MetricsLog, type MetricsRecord } from './log/metrics-log.ts';
import type { Reporter } from './log/reporter.ts';
import { recordOf, settled, type RecordedPlan } from './planning/tuned-plan.ts';
import type { ChosenFolder } from './run/choose-folder.ts';
import type { TrainingSession } from './step/session.ts';
import type { TrainingPlan } from './step/training-plan.ts';

/** The folder that rank 0 chooses and holds. */
export async function chooseTogether(
  ranks: Ranks | undefined,
  choose: () => Promise<ChosenFolder>,
): Promise<ChosenFolder> {
  if (ranks === undefined) return choose();
  const own = ranks.isFirst ? await choose() : undefined;
  const { folder, resume } = await ranks.fromFirst(() => {
    const { folder, resume } = defined(own, 'folder');
    return { folder, resume };
  });
  return own ?? { folder, resume, damaged: [], claim: undefined };
}

/** @throws FrameworkError `mpi/ranks`; `mpi/shards` where ranks cannot divide a step evenly among themselves */
export function checkShards({ batch }: Recipe, ranks: number): void {
  checkRankCount(ranks, 'asked for');
  if (batch.shards % ranks === 0) return;
  throw new FrameworkError(
    'mpi/shards',
    `${ranks} ranks cannot share a step evenly that the recipe cuts into ${batch.shards} (batch.shards).`,
    {
      hint: `Add --set batch.shards=${ranks}, or more if more ranks may go on with the run: another number gives other bits, the number of ranks does not.`,
    },
  );
}

/** The adapter of a rank: where there are several GPUs, `auto` gives each rank of a machine its own. */
export async function adapterOf(request: string, ranks: Ranks | undefined): Promise<string> {
  if (ranks === undefined || (request !== 'auto' && request !== 'gpu')) return request;
  const gpus = (await listAdapters()).filter(({ kind }) => kind === 'gpu').length;
  return gpus < 2 ? request : `gpu:${ranks.localRank % gpus}`;
}

/** Rank 0's plan: its micro-batch and its choice of kernels. @param follow makes the same plan by them */
export async function planTogether(
  ranks: Ranks | undefined,
  device: Device,
  own: () => Promise<TrainingPlan>,
  follow: (choices: RecordedPlan) => TrainingPlan,
): Promise<TrainingPlan> {
  if (ranks === undefined) return own();
  const plan = ranks.isFirst ? await own() : undefined;
  const record = await ranks.fromFirst(() => recordOf(defined(plan, 'plan'), device));
  return plan ?? follow(settled(record, 'rank 0'));
}

/** What decides a run's bits, as a process finds it. */
type Circumstances = Readonly<Record<string, string | number>>;

/** @throws FrameworkError `mpi/unlike` where a rank would not compute what rank 0 computes */
export async function checkAlike(ranks: Ranks, own: Circumstances): Promise<void> {
  const all = await ranks.gatherAll(own);
  const [first = own] = all;
  all.forEach((other, rank) => {
    const what = Object.keys(first).find((key) => other[key] !== first[key]);
    if (what === undefined) return;
    throw new FrameworkError(
      'mpi/unlike',
      `Rank ${rank} on ${ranks.peers[rank]?.host ?? '?'} has ${what} ${other[what] ?? 'none'}, rank 0 has ${first[what] ?? 'none'}: their results would not be those of one process.`,
      { hint: 'Give all ranks the same recipe, data, version and kind of adapter.' },
    );
  });
}

/** Bytes of one message. */
const PIECE = 2 ** 26;

/** Rank 0's parameters, statistics, averages and moments for everyone. */
export async function shareState(device: Device, session: TrainingSession, ranks: Ranks): Promise<void> {
  for (const store of session.stores) await shareStore(device, store, ranks);
}

async function shareStore(device: Device, { buffers }: FlatStore, ranks: Ranks): Promise<void> {
  for (const buffer of buffers)
    for (let at = 0; at < buffer.size; at += PIECE) {
      const count = Math.min(PIECE, buffer.size - at);
      const bytes = ranks.isFirst
        ? new Uint8Array(await device.read(buffer, at, count))
        : new Uint8Array(count);
      await ranks.broadcast(bytes);
      if (!ranks.isFirst) device.gpu.queue.writeBuffer(buffer, at, bytes);
    }
}

/** The part of a log that a run uses. */
export type RunLog = Pick<MetricsLog, 'kept' | 'append' | 'sync' | 'close'>;

/** The log of a run, which rank 0 keeps; the others know of the evaluations after the step from which they go on. */
export async function openLog(
  path: string,
  step: number,
  reporter: Reporter,
  ranks: Ranks | undefined,
): Promise<RunLog> {
  const note = (line: string) => {
    reporter.note(line);
  };
  const own = ranks === undefined || ranks.isFirst ? await MetricsLog.open(path, step, note) : undefined;
  if (ranks === undefined) return defined(own, 'log');
  const kept = await ranks.fromFirst<readonly MetricsRecord[]>(() =>
    defined(own, 'log').kept.filter((record) => record.kind === 'evaluation' && record.step === step),
  );
  const nothing = async () => undefined;
  return own ?? { kept, append: nothing, sync: nothing, close: nothing };
}

/** Whether the run was asked to stop. Ranks hear of it at different moments, and stop after the same step. */
export class StopRequest {
  private readonly asked: () => boolean;
  private readonly ranks: Ranks | undefined;
  private isAgreed = false;

  constructor(asked: () => boolean, ranks: Ranks | undefined) {
    this.asked = asked;
    this.ranks = ranks;
  }

  readonly made = (): boolean => (this.ranks === undefined ? this.asked() : this.isAgreed);

  /** Makes a request to one rank one to all. All call it at the same moments of a run. */
  async agree(): Promise<void> {
    if (this.ranks !== undefined && !this.isAgreed) this.isAgreed = await this.ranks.any(this.asked());
  }
}

/** The part of a step's groups of images that a rank computes. */
export function groupsOf(ranks: Ranks | undefined, groups: number): { from: number; to: number } {
  const count = groups / (ranks?.size ?? 1);
  const from = (ranks?.rank ?? 0) * count;
  return { from, to: from + count };
}
