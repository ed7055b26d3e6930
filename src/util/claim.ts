/**
 * One writer: a process claims a folder before it writes there. A claim is a file that names its holder; it comes to be by `link`,
 * which makes it whole or not at all for one process only, on NFS as well. A claim whose holder has ended is replaced under a claim of
 * its own, named after the one it replaces, so that of several that find it only one takes over.
 */
import { randomUUID } from 'node:crypto';
import { rmdirSync, unlinkSync } from 'node:fs';
import { link, open, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameworkError } from './errors.ts';
import { exists, makeFolder, readBytes, writeError } from './files.ts';
import { lifeOf, thisProcess, type ProcessIdentity } from './process-identity.ts';
import { ifThere, sealedKind, sealedText, unsealed } from './sealed.ts';

/** Who holds a folder. */
export interface Holder extends ProcessIdentity {
  /** What it does there: `training`. */
  readonly work: string;
  /** When it began, ISO 8601. */
  readonly since: string;
  /** Tells this claim from every other. */
  readonly token: string;
}

/** A holder as another process sees it. */
export interface SeenHolder extends Holder {
  readonly path: string;
  readonly life: 'alive' | 'unknown';
  /** Seconds since its last sign of life, by the clock of the file system. */
  readonly silent: number;
}

const CLAIM = sealedKind<Holder>('claim', 1, 'If nothing writes into that folder, delete the file.');
/** Bytes; a claim has a few hundred. */
const LARGEST = 1 << 16;
/** By this file of a benchmark's folder a process holds its evaluation. */
export const EVALUATION_CLAIM = 'claim.json';
/** Milliseconds between two signs of life. */
const SIGN_OF_LIFE = 30_000;
/** Milliseconds in which a claim that is not made by `link` must be whole. */
const GRACE = 2000;

/** Claims of this process that stand. A process that ends on purpose leaves none behind. */
const standing = new Set<Claim>();
process.on('exit', () => {
  for (const claim of standing) claim.releaseNow();
});

/** Folders that this process made for claims. Of several that want a folder at once, one may make it and another get the claim. */
const made = new Set<string>();

/** A claim of this process. */
export class Claim {
  readonly path: string;
  private readonly token: string;
  private readonly timer: NodeJS.Timeout;

  constructor(path: string, token: string) {
    this.path = path;
    this.token = token;
    this.timer = setInterval(() => {
      // A failure shows at the next check, where it matters.
      void touch(this.path).catch(() => undefined);
    }, SIGN_OF_LIFE).unref();
    standing.add(this);
  }

  /**
   * Makes sure that the claim is still this process's before it writes.
   * @throws FrameworkError `held/lost` where the claim was deleted or another process holds the folder now
   */
  async check(): Promise<void> {
    const holder = await readClaim(this.path);
    if (holder?.token === this.token) return;
    const found = holder === undefined ? 'is gone' : `is process ${holder.pid}’s on ${holder.host} now`;
    throw new FrameworkError('held/lost', `${this.path}, by which this process held the folder, ${found}.`, {
      hint: 'Nothing more was written, so that two processes do not mix. What was saved before is whole.',
    });
  }

  /** Gives the folder free. One that was made for the claim and is empty goes with it. */
  async release(): Promise<void> {
    if (!this.end()) return;
    if ((await readClaim(this.path).catch(() => undefined))?.token !== this.token) return;
    await unlink(this.path).catch(() => undefined);
    const folder = dirname(this.path);
    // Taken off before: who finds the folder gone makes it anew, and puts it on again.
    if (made.delete(folder))
      await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') made.add(folder); // another claim may be the last to leave it
      });
  }

  /** As `release`, while the process ends. */
  releaseNow(): void {
    if (!this.end()) return;
    try {
      unlinkSync(this.path);
      if (made.has(dirname(this.path))) rmdirSync(dirname(this.path));
    } catch {
      // It was taken away, or the folder holds files.
    }
  }

  private end(): boolean {
    clearInterval(this.timer);
    return standing.delete(this);
  }
}

/**
 * Claims by the file `path`; makes its folder.
 * @param work what is done there, for those who are refused: `training`
 * @returns the claim, or who holds it
 * @throws FrameworkError `file/damaged` where a claim cannot be read, or as `writeFileAtomic`
 */
export async function tryClaim(path: string, work: string): Promise<Claim | SeenHolder> {
  const holder: Holder = { ...thisProcess(), work, since: new Date().toISOString(), token: randomUUID() };
  for (;;) {
    if (!(await exists(dirname(path)))) made.add(dirname(path));
    await makeFolder(dirname(path));
    try {
      const other = await acquire(path, holder);
      return other ?? new Claim(path, holder.token);
    } catch (error) {
      // The folder was another's, who has just given it free and taken it away.
      if (!(await exists(dirname(path)))) continue;
      throw writeError(path, error);
    }
  }
}

/** As `tryClaim`. @throws FrameworkError `held/…` saying who holds it and what to do */
export async function claim(path: string, work: string): Promise<Claim> {
  const taken = await tryClaim(path, work);
  if (taken instanceof Claim) return taken;
  throw heldError(taken);
}

/** As `claim`, waiting for a holder that soon will have done. @param seconds to wait at most */
export async function claimSoon(path: string, work: string, seconds: number): Promise<Claim> {
  for (const end = Date.now() + seconds * 1000; ;) {
    const taken = await tryClaim(path, work);
    if (taken instanceof Claim) return taken;
    if (Date.now() > end) throw heldError(taken);
    await sleep(100);
  }
}

/** Who holds a claim now; undefined where nobody does or its holder has ended. */
export async function holderOf(path: string): Promise<SeenHolder | undefined> {
  const holder = await readClaim(path);
  return holder === undefined ? undefined : seen(path, holder);
}

export function heldError(holder: SeenHolder): FrameworkError {
  const { path, pid, host, work, since, life, silent } = holder;
  const isHere = life === 'alive';
  const where = isHere ? `process ${pid}` : `process ${pid} on ${host}`;
  const sign = isHere ? '' : `, last seen ${ago(silent)}`;
  return new FrameworkError(
    'held/folder',
    `${dirname(path)} is held by ${where} (${work} since ${since.slice(0, 16).replace('T', ' ')} UTC${sign}).`,
    {
      hint: isHere
        ? `Wait for it, stop it (kill ${pid}), or choose another folder.`
        : `It cannot be seen from here whether that process lives. If it has ended, delete ${path} and run this again; else wait, or choose another folder.`,
    },
  );
}

/** @returns undefined once `own` stands at `path`, or who holds it */
async function acquire(path: string, own: Holder): Promise<SeenHolder | undefined> {
  for (;;) {
    if (await place(path, own)) return undefined;
    const before = await readClaim(path);
    if (before === undefined) continue; // given free just now
    if (before.token === own.token) return undefined; // NFS: the answer to a link was lost, the link is there
    const holder = await seen(path, before);
    if (holder !== undefined) return holder;
    const succession = `${path}.${before.token}`;
    if ((await acquire(succession, own)) !== undefined) {
      await sleep(20); // another takes over; it will be the holder
      continue;
    }
    try {
      // It may have been taken over and given free since it was read.
      if ((await readClaim(path))?.token !== before.token) continue;
      await rename(await temporary(path, own), path);
      return undefined;
    } finally {
      await unlink(succession).catch(() => undefined);
    }
  }
}

/** Puts a claim where none is. @returns false if there is one */
async function place(path: string, own: Holder): Promise<boolean> {
  const file = await temporary(path, own);
  try {
    await link(file, path);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'EEXIST') return false;
    // File systems without links (exFAT, some network drives) can still make a file for one process only.
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EINVAL', 'EACCES'].includes(String(code)))
      throw error;
    return await placeExclusively(path, own);
  } finally {
    await rm(file, { force: true });
  }
}

async function placeExclusively(path: string, own: Holder): Promise<boolean> {
  try {
    const handle = await open(path, 'wx');
    try {
      await handle.writeFile(sealedText(CLAIM, own));
      await handle.sync();
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function temporary(path: string, own: Holder): Promise<string> {
  const file = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(sealedText(CLAIM, own));
    await handle.sync();
  } finally {
    await handle.close();
  }
  return file;
}

async function readClaim(path: string): Promise<Holder | undefined> {
  for (const end = Date.now() + GRACE; ;) {
    const text = await ifThere(readBytes(path, LARGEST));
    if (text === undefined) return undefined;
    try {
      return unsealed(text, path, CLAIM);
    } catch (error) {
      if (Date.now() > end || (await ageOf(path)) * 1000 > GRACE) throw error;
      await sleep(50);
    }
  }
}

async function seen(path: string, holder: Holder): Promise<SeenHolder | undefined> {
  const life = lifeOf(holder);
  if (life === 'dead') return undefined;
  return { ...holder, path, life, silent: life === 'alive' ? 0 : await ageOf(path) };
}

/** Gives a file the present time of its file system: its first byte is written again. */
async function touch(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write('{', 0);
  } finally {
    await handle.close();
  }
}

/** Seconds since a file was written, by the clock of its file system: those of two machines may differ. */
async function ageOf(path: string): Promise<number> {
  const probe = join(dirname(path), `.clock.${randomUUID()}.tmp`);
  try {
    await (await open(probe, 'wx')).close();
    return ((await stat(probe)).mtimeMs - (await stat(path)).mtimeMs) / 1000;
  } catch {
    return Infinity;
  } finally {
    await rm(probe, { force: true });
  }
}

function ago(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'at an unknown time';
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h ago`
    : `${Math.round(seconds / 86_400)} days ago`;
}
