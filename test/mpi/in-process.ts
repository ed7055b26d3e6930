import type { Transport } from '../../src/mpi/mpi.ts';
import { Ranks } from '../../src/mpi/ranks.ts';

interface Waiting {
  readonly bytes: Uint8Array;
  readonly done: () => void;
}

/** Ranks of one process: messages are copied from one to another. */
export async function inProcess(size: number): Promise<Ranks[]> {
  const sent = new Map<string, Waiting[]>();
  const wanted = new Map<string, Waiting[]>();
  const queue = (of: Map<string, Waiting[]>, key: string) => {
    const found = of.get(key) ?? [];
    of.set(key, found);
    return found;
  };
  const post = (
    key: string,
    bytes: Uint8Array,
    own: typeof sent,
    others: typeof sent,
    deliver: (other: Uint8Array) => void,
  ) =>
    new Promise<void>((done, failed) => {
      const other = queue(others, key).shift();
      if (other === undefined) {
        queue(own, key).push({ bytes, done });
        return;
      }
      if (other.bytes.length !== bytes.length) {
        failed(new Error(`${key}: ${bytes.length} bytes meet ${other.bytes.length}`));
        return;
      }
      deliver(other.bytes);
      other.done();
      done();
    });
  return Promise.all(
    Array.from({ length: size }, (_, rank) => {
      const transport: Transport = {
        rank,
        size,
        send: (to, tag, bytes) =>
          post(`${rank}>${to} ${tag}`, bytes, sent, wanted, (room) => {
            room.set(bytes);
          }),
        receive: (from, tag, bytes) =>
          post(`${from}>${rank} ${tag}`, bytes, wanted, sent, (message) => {
            bytes.set(message);
          }),
        abort: () => {
          throw new Error(`rank ${rank} aborts`);
        },
        close: async () => undefined,
      };
      return Ranks.over(transport);
    }),
  );
}
