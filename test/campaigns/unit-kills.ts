/**
 * Evaluations, attacks and analyses that are killed at units of their work and gone on with: the result must be that of one that was never
 * stopped, byte for byte.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Rng } from '../../src/util/rng.ts';
import { runCli, type CliResult } from '../cli/run-cli.ts';

const KILLER = pathToFileURL(join(import.meta.dirname, 'kill-at-unit.mjs')).href;

export interface KillAt {
  /** From 1, counted from the start of the process. */
  readonly unit: number;
  readonly moment: 'before' | 'after';
}

/** A command line until it kills itself. */
export function runKilled(args: readonly string[], { unit, moment }: KillAt): Promise<CliResult> {
  return runCli(args, { env: { NODE_OPTIONS: `--import ${KILLER}`, KILL_AT: `${unit} ${moment}` } });
}

/** The folder below `out` that holds `units`: each analysis and each setting of an attack has one of its own. */
function folderOf(out: string): string {
  const paths = existsSync(out) ? readdirSync(out, { recursive: true, encoding: 'utf8' }) : [];
  return join(out, paths.find((path) => /(^|\/)units$/.test(path)) ?? 'units', '..');
}

/** Units that are stored whole. */
export function storedUnits(out: string): number {
  const folder = join(folderOf(out), 'units');
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^\d+\.json$/.test(name)).length : 0;
}

export interface UnitKills {
  /** Units that were stored after each kill. */
  readonly kills: readonly number[];
  readonly units: number;
  readonly bytes: number;
}

/**
 * Kills a command again and again at units that are drawn by `seed`, and compares its result with that of an undisturbed run.
 * @param args without `--out`
 * @throws Error where a command ends otherwise than it should, or the results differ
 */
export async function killAtUnits(
  args: readonly string[],
  folder: string,
  kills: number,
  seed = 0,
): Promise<UnitKills> {
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
  const toEnd = async (out: string): Promise<Buffer> => {
    const { code, signal, stderr } = await runCli([...args, '--out', out]);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code ?? signal ?? ''}: ${stderr}`);
    return readFileSync(join(folderOf(out), 'result.json'));
  };
  const wanted = await toEnd(whole);
  const units = storedUnits(whole);
  const rng = new Rng(seed, `kills of ${args.slice(0, 2).join(' ')}`);
  const stored: number[] = [];
  for (let left = kills; left > 0; left--) {
    const most = Math.max(1, Math.floor((units - storedUnits(parts)) / left));
    const at = { unit: 1 + rng.int(most), moment: rng.chance(0.5) ? 'before' : 'after' } as const;
    const { code, signal, stderr } = await runKilled([...args, '--out', parts], at);
    if (signal !== 'SIGKILL')
      throw new Error(`${args.join(' ')} ended with ${code ?? ''} before unit ${at.unit}: ${stderr}`);
    stored.push(storedUnits(parts));
  }
  if (!wanted.equals(await toEnd(parts)))
    throw new Error(
      `${args.join(' ')}: another result after kills at ${stored.join(', ')} of ${units} units`,
    );
  return { kills: stored, units, bytes: wanted.length };
}
