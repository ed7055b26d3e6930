import { hostname } from 'node:os';
import { FrameworkError, defined, messageOf } from '../util/errors.ts';
import { startOf, thisProcess } from '../util/process-identity.ts';
import type { Transport } from './mpi.ts';

/** Tags of messages. Each kind goes on by itself; within one, all ranks take the same steps in the same order. */
export const TAGS = { control: 1, losses: 2, statistics: 3, buckets: 16 } as const;

/** A process of the job. */
export interface Peer {
  readonly host: string;
  readonly pid: number;
  /** See ProcessIdentity. */
  readonly started: string;
}

/** What became of a rank's work, as JSON. */
interface Outcome<T> {
  readonly value?: T;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly more: { readonly hint?: string };
  };
}

function told(error: unknown): NonNullable<Outcome<never>['error']> {
  if (!(error instanceof FrameworkError))
    return { code: 'internal/rank', message: `internal: ${messageOf(error)}`, more: {} };
  const { code, message, hint } = error;
  return { code, message, more: hint === undefined ? {} : { hint } };
}

/** Between two looks at the processes of this machine, in ms. */
const LOOK = 1000;

/** The processes that train one model together, as one of them sees it. Every rank calls the same methods in the same order. */
export class Ranks {
  readonly rank: number;
  readonly size: number;
  /** By rank. */
  readonly peers: readonly Peer[];
  private readonly transport: Transport;
  private watch: NodeJS.Timeout | undefined;

  private constructor(transport: Transport, peers: readonly Peer[]) {
    this.transport = transport;
    this.rank = transport.rank;
    this.size = transport.size;
    this.peers = peers;
  }

  /**
   * @throws FrameworkError `mpi/ranks` unless the number of ranks is a power of two
   */
  static async over(transport: Transport): Promise<Ranks> {
    checkRankCount(transport.size, 'started');
    const { started, pid } = thisProcess();
    const peers = await new Ranks(transport, []).gatherAll<Peer>({ host: hostname(), pid, started });
    return new Ranks(transport, peers);
  }

  /** How many lower ranks are on this machine. */
  get localRank(): number {
    const host = this.peers[this.rank]?.host;
    return this.peers.filter((peer, i) => i < this.rank && peer.host === host).length;
  }

  get isFirst(): boolean {
    return this.rank === 0;
  }

  /** The ranks with their processes, by machine. */
  get description(): string {
    const hosts = [...new Set(this.peers.map(({ host }) => host))];
    const of = (host: string) =>
      this.peers.flatMap((peer, rank) => (peer.host === host ? [`${rank} is process ${peer.pid}`] : []));
    return hosts.map((host) => `${of(host).join(', ')} on ${host}`).join('; ');
  }

  /** See Transport. */
  send(partner: number, tag: number, bytes: Uint8Array): Promise<void> {
    return this.transport.send(partner, tag, bytes);
  }

  /** See Transport. */
  receive(partner: number, tag: number, bytes: Uint8Array): Promise<void> {
    return this.transport.receive(partner, tag, bytes);
  }

  /** Sends to a partner while receiving from it. */
  async exchange(partner: number, tag: number, send: Uint8Array, receive: Uint8Array): Promise<void> {
    await Promise.all([this.receive(partner, tag, receive), this.send(partner, tag, send)]);
  }

  /**
   * Fills `all` with the parts of all ranks in their order, by doubling.
   * @param all of equal parts; this rank's own is there
   */
  async allGather(tag: number, all: Uint8Array): Promise<void> {
    const part = all.length / this.size;
    for (let count = 1; count < this.size; count *= 2) {
      const partner = this.rank ^ count;
      const of = (rank: number) => {
        const first = rank & ~(count - 1);
        return all.subarray(first * part, (first + count) * part);
      };
      await this.exchange(partner, tag, of(this.rank), of(partner));
    }
  }

  /** What every rank says, in their order. @param value as JSON */
  async gatherAll<T>(value: T): Promise<T[]> {
    const own = Buffer.from(JSON.stringify(value));
    const lengths = new Float64Array(this.size);
    lengths[this.rank] = own.length;
    await this.allGather(TAGS.control, bytesOf(lengths));
    const longest = Math.max(...lengths);
    const all = new Uint8Array(longest * this.size);
    all.set(own, this.rank * longest);
    await this.allGather(TAGS.control, all);
    return Array.from(lengths, (length, rank) => {
      const text = Buffer.from(all.subarray(rank * longest, rank * longest + length)).toString('utf8');
      return JSON.parse(text) as T;
    });
  }

  /** Each rank's work, and what all have made, in their order. An error of one, of the first in order, is everyone's. */
  async all<T>(work: () => Promise<T>): Promise<T[]> {
    let failure: unknown;
    const own = await work().then(
      (value): Outcome<T> => ({ value }),
      (error: unknown): Outcome<T> => {
        failure = error;
        return { error: told(error) };
      },
    );
    const all = await this.gatherAll(own);
    const rank = all.findIndex(({ error }) => error !== undefined);
    if (rank === this.rank) throw failure;
    const error = all[rank]?.error;
    if (error !== undefined) throw new FrameworkError(error.code, error.message, error.more);
    return all.map(({ value }) => value as T);
  }

  /** Whether any rank says so. */
  async any(flag: boolean): Promise<boolean> {
    const flags = new Uint8Array(this.size);
    flags[this.rank] = flag ? 1 : 0;
    await this.allGather(TAGS.control, flags);
    return flags.some((one) => one !== 0);
  }

  /** Rank 0's bytes for everyone. */
  async broadcast(bytes: Uint8Array): Promise<void> {
    for (let count = this.size / 2; count >= 1; count /= 2) {
      if (this.rank % (2 * count) === 0) await this.transport.send(this.rank + count, TAGS.control, bytes);
      else if (this.rank % count === 0) await this.transport.receive(this.rank - count, TAGS.control, bytes);
    }
  }

  /** What rank 0 makes, for everyone, as JSON. */
  async fromFirst<T>(make: () => T | Promise<T>): Promise<T> {
    const own = this.isFirst ? await make() : undefined;
    const text = Buffer.from(own === undefined ? '' : JSON.stringify(own));
    const length = Float64Array.of(text.length);
    await this.broadcast(bytesOf(length));
    const bytes = this.isFirst ? new Uint8Array(text) : new Uint8Array(defined(length[0], 'length'));
    await this.broadcast(bytes);
    if (own !== undefined || bytes.length === 0) return own as T;
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
  }

  /** The first of the other ranks of this machine whose process has ended, if one has. */
  findEnded(): { readonly rank: number; readonly peer: Peer } | undefined {
    const own = defined(this.peers[this.rank], 'own process');
    return this.peers
      .map((peer, rank) => ({ peer, rank }))
      .filter(({ peer, rank }) => peer.host === own.host && rank !== this.rank)
      .find(({ peer }) => startOf(peer.pid) !== peer.started);
  }

  /**
   * Looks after the processes of this machine from now on: a launcher may leave the others waiting when one of them ends.
   * @param onEnd told of the first that ended
   */
  watchPeers(onEnd: (rank: number, peer: Peer) => void): void {
    this.watch = setInterval(() => {
      const ended = this.findEnded();
      if (ended === undefined) return;
      clearInterval(this.watch);
      onEnd(ended.rank, ended.peer);
    }, LOOK).unref();
  }

  /** Ends the processes of all ranks. */
  abort(exitCode: number): void {
    this.transport.abort(exitCode);
  }

  /** The end of the job, which all ranks reach. */
  async close(): Promise<void> {
    await this.any(false); // from here on a process may end
    clearInterval(this.watch);
    await this.transport.close();
  }
}

/** @throws FrameworkError `mpi/ranks` unless it is a power of two */
export function checkRankCount(size: number, how: 'started' | 'asked for'): void {
  if (Number.isInteger(Math.log2(size))) return;
  throw new FrameworkError('mpi/ranks', `${size} ranks were ${how}; sums are made in pairs.`, {
    hint: `Start ${2 ** Math.floor(Math.log2(size))} or ${2 ** Math.ceil(Math.log2(size))}.`,
  });
}

/** Something that one process does for all: its result there, and nothing elsewhere. Its error is everyone's. */
export async function onFirst<T>(ranks: Ranks | undefined, work: () => Promise<T>): Promise<T | undefined> {
  if (ranks === undefined) return work();
  let made: T | undefined;
  await ranks.all(async () => {
    if (ranks.isFirst) made = await work();
  });
  return made;
}

/** A vector's memory. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
