import { setTimeout as sleep } from 'node:timers/promises';
import { FrameworkError } from '../util/errors.ts';
import { pollBy } from '../util/polling.ts';
import type { Launched } from './launched.ts';
import { loadMpi, type MpiFunction, type MpiLibrary } from './library.ts';

/** Messages of bytes between numbered processes. Those of one sender and tag arrive in order. */
export interface Transport {
  readonly rank: number;
  readonly size: number;
  /** @param bytes unchanged until the promise resolves */
  send(to: number, tag: number, bytes: Uint8Array): Promise<void>;
  /** Fills `bytes`, which is as long as the message. */
  receive(from: number, tag: number, bytes: Uint8Array): Promise<void>;
  /** Ends the processes of all ranks. */
  abort(exitCode: number): void;
  /** Every rank calls it before it ends. */
  close(): Promise<void>;
}

const MPI_THREAD_FUNNELED = 1;
/** Room for texts: MPICH's `MPI_MAX_LIBRARY_VERSION_STRING`, the longest of all. */
const TEXT = 8192;
/** Bytes of one message: counts are ints. */
const PIECE = 2 ** 30;
/** A pause between two tests, in ms. Testing without one would take a core from a software adapter, or from that of another rank. */
const PAUSE = 0.03;

interface Pending {
  /** An `MPI_Request`, an address or an int. */
  readonly request: Uint8Array;
  /** Held so that it is not collected. */
  readonly bytes: Uint8Array;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * MPI_COMM_WORLD. All calls come from this one thread, so that libraries without thread support do (MPI_THREAD_FUNNELED), and none of them
 * blocks: messages are started, and the event loop tests them from time to time. A test takes microseconds, or as long as the library copies
 * a message that has come; memory of the device can be sent as it is mapped, since no other thread needs to see it.
 */
export class Mpi implements Transport {
  readonly rank: number;
  readonly size: number;
  /** What the library calls itself. */
  readonly version: string;
  private readonly library: MpiLibrary;
  private readonly endsAll: boolean;
  private pending: Pending[] = [];

  private constructor(library: MpiLibrary, { endsAll }: Launched) {
    this.library = library;
    this.endsAll = endsAll;
    const { world, errorsReturn } = library.handles;
    this.call('MPI_Init_thread', null, null, MPI_THREAD_FUNNELED, new Int32Array(1));
    this.call('MPI_Comm_set_errhandler', world, errorsReturn);
    this.rank = this.number('MPI_Comm_rank');
    this.size = this.number('MPI_Comm_size');
    const [text, length] = [new Uint8Array(TEXT), new Int32Array(1)];
    this.call('MPI_Get_library_version', text, length);
    const version = Buffer.from(text.subarray(0, length[0])).toString('utf8').replace(/\0/g, '');
    this.version = version.split(/[,\n]/)[0]?.replace(/\s+/g, ' ').trim() ?? '';
  }

  /**
   * Joins the job that this process was started in.
   * @param wanted file of the library, in place of the usual names
   * @throws FrameworkError `mpi/no-koffi`, `mpi/no-library`, `mpi/other-launcher`
   */
  static join(launched: Launched, wanted: string | undefined): Mpi {
    const mpi = new Mpi(loadMpi(launched.family, wanted), launched);
    if (mpi.size === launched.size) return mpi;
    throw new FrameworkError(
      'mpi/other-launcher',
      `${launched.launcher} started ${launched.size} processes, but ${mpi.library.path} (${mpi.version}) knows of ${mpi.size}: it does not belong to that launcher.`,
      {
        hint: 'Start with the mpirun of that library, with srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH), or name another library in LARGEKERNEL_MPI_LIBRARY.',
      },
    );
  }

  send(to: number, tag: number, bytes: Uint8Array): Promise<void> {
    return this.start('MPI_Isend', to, tag, bytes);
  }

  receive(from: number, tag: number, bytes: Uint8Array): Promise<void> {
    return this.start('MPI_Irecv', from, tag, bytes);
  }

  /** Of MPI_Abort the libraries write paragraphs. */
  abort(exitCode: number): void {
    if (this.endsAll) this.library.functions._exit(exitCode);
    this.call('MPI_Abort', this.library.handles.world, exitCode);
  }

  /** Sums vectors of all ranks by the library's own way; blocks. What ours is measured beside. */
  allReduce(from: Float32Array, to: Float32Array): void {
    const { float, sum, world } = this.library.handles;
    this.call('MPI_Allreduce', from, to, from.length, float, sum, world);
  }

  async close(): Promise<void> {
    while (this.pending.length > 0) await sleep(1);
    this.call('MPI_Finalize');
  }

  private async start(
    name: 'MPI_Isend' | 'MPI_Irecv',
    peer: number,
    tag: number,
    bytes: Uint8Array,
  ): Promise<void> {
    const { byte, world } = this.library.handles;
    const pieces: Promise<void>[] = [];
    for (let at = 0; at < bytes.length; at += PIECE) {
      const part = bytes.subarray(at, at + PIECE);
      const request = new Uint8Array(8);
      this.call(name, part, part.length, byte, peer, tag, world, request);
      pieces.push(new Promise((done, failed) => this.pending.push({ request, bytes: part, done, failed })));
    }
    pollBy(this.look);
    await Promise.all(pieces);
  }

  private readonly look = (): number | undefined => {
    this.testAll();
    return this.pending.length === 0 ? undefined : PAUSE;
  };

  private testAll(): void {
    const flag = new Int32Array(1);
    const left: Pending[] = [];
    for (const one of this.pending) {
      try {
        this.call('MPI_Test', one.request, flag, this.library.handles.ignore);
      } catch (error) {
        one.failed(error as Error);
        continue;
      }
      if (flag[0] === 0) left.push(one);
      else one.done();
    }
    this.pending = left;
  }

  private number(name: 'MPI_Comm_rank' | 'MPI_Comm_size'): number {
    const value = new Int32Array(1);
    this.call(name, this.library.handles.world, value);
    return value[0] ?? 0;
  }

  /** @throws FrameworkError `mpi/failed` in the library's words */
  private call(name: MpiFunction, ...args: readonly unknown[]): void {
    const code = this.library.functions[name](...args);
    if (code === 0) return;
    const [text, length] = [new Uint8Array(TEXT), new Int32Array(1)];
    this.library.functions.MPI_Error_string(code, text, length);
    const said = Buffer.from(text.subarray(0, length[0])).toString('utf8');
    throw new FrameworkError('mpi/failed', `${name} of ${this.library.path} failed: ${said}.`);
  }
}
