/**
 * Runs of several ranks, one of which is killed at a random moment, gone on with by another number of ranks and another MPI until they have
 * ended: every job must end soon after the kill, and the last weights and the log must be those of one undisturbed process.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Rng } from '../../src/util/rng.ts';
import { startRanks, type Engine } from '../mpi/engines.ts';
import { SHARDED } from '../mpi/sharded.ts';
import { tinyRecipe, traces } from '../training/tiny.ts';

/** Time in which a job ends after one of its ranks was killed, in ms. */
const SOON = 30_000;

export interface RankKill {
  readonly engine: string;
  readonly size: number;
  readonly rank: number;
  /** Between the kill and the end of the job. */
  readonly ms: number;
}

/**
 * @param command what is given `train`'s options @param onKill told of each kill
 * @returns how many runs came to their end and were compared
 * @throws Error at the first difference, or where a job does not end
 */
export async function rankKillCampaign(
  command: readonly string[],
  folder: string,
  model: keyof typeof SHARDED,
  engines: readonly Engine[],
  kills: number,
  adapter: string,
  onKill: (kill: RankKill) => void,
): Promise<number> {
  mkdirSync(folder, { recursive: true });
  const recipe = tinyRecipe(folder);
  const sets = [...SHARDED[model], 'schedule.epochs=4'].flatMap((text) => ['--set', text]);
  const args = (out: string) => ['--recipe', recipe, '--out', out, '--adapter', adapter, ...sets];
  const rng = new Rng(0, `rank kills ${model}`);
  const whole = join(folder, 'whole');
  const first = engines[0] as Engine;
  const alone = await ranksOf(first, 1, args(whole), command, undefined);
  if (alone.code !== 0) throw new Error(`the undisturbed run ended with ${alone.code}: ${alone.errors}`);
  const wanted = await traces(whole);
  let [done, runs, attempts, duration] = [0, 0, 0, alone.ms];
  while (done < kills || attempts > 0) {
    const out = join(folder, `run-${runs}`);
    const engine = engines[rng.int(engines.length)] as Engine;
    const size = 2 ** (1 + rng.int(2));
    const isFree = done >= kills || attempts % 8 === 7;
    const after = isFree ? undefined : { ms: rng.between(0, 0.8) * duration, rank: rng.int(size) };
    const ended = await ranksOf(engine, size, args(out), command, after);
    attempts++;
    if (ended.killed !== undefined) {
      done++;
      onKill({ engine: engine.name, size, rank: after?.rank ?? 0, ms: ended.killed });
      if (ended.killed > SOON) throw new Error(`${engine.name}: the job went on for ${ended.killed} ms`);
      if (ended.code !== 0) continue;
    } else if (ended.code !== 0)
      throw new Error(`${engine.name}, ${size} ranks: exit code ${ended.code}: ${ended.errors}`);
    duration = (duration + ended.ms) / 2;
    if (!isDeepStrictEqual(await traces(out), wanted))
      throw new Error(`run ${runs}: weights or log in ${out} differ from ${whole}`);
    rmSync(out, { recursive: true });
    runs++;
    attempts = 0;
  }
  return runs;
}

interface EndedJob {
  readonly code: number | null;
  readonly errors: string;
  /** From the ranks' first word to the end. */
  readonly ms: number;
  /** Time from the kill to the end, if there was one. */
  readonly killed: number | undefined;
}

/** Runs ranks to their end. @param kill a rank to kill, so many ms after they have said who they are */
async function ranksOf(
  engine: Engine,
  size: number,
  args: readonly string[],
  command: readonly string[],
  kill: { readonly ms: number; readonly rank: number } | undefined,
): Promise<EndedJob> {
  const child = startRanks(engine, size, args, command);
  let errors = '';
  let begun = performance.now();
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const said = new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
      if (!/is process \d+.* on /.test(errors) && !errors.includes('adapter: ')) return;
      begun = performance.now();
      resolve();
    });
  });
  await Promise.race([said, ended]);
  const timer = new AbortController();
  let killedAt: number | undefined;
  if (kill !== undefined) {
    await Promise.race([ended, sleep(kill.ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
    const pid = new RegExp(`\\b${kill.rank} is process (\\d+)`).exec(errors)?.[1];
    if (child.exitCode === null && pid !== undefined) {
      try {
        process.kill(Number(pid), 'SIGKILL');
        killedAt = performance.now();
      } catch {
        // It has just ended.
      }
    }
  }
  const code = await ended;
  timer.abort();
  const now = performance.now();
  return { code, errors, ms: now - begun, killed: killedAt === undefined ? undefined : now - killedAt };
}
