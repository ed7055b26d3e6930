import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { defined, messageOf } from '../../src/util/errors.ts';
import { inputsOf, type Case } from './cases.ts';
import { installNavigator } from './navigator.ts';
import type { Peer, Prepared } from './peer.ts';

/**
 * The process of one peer: a line of JSON in on standard input, a line out on descriptor 3 (libraries print to the other two).
 *
 *     node --import tsx child.ts <peer> <adapter>
 */

export type Request =
  | { readonly do: 'prepare'; readonly case: Case; readonly folder: string }
  | { readonly do: 'outputs'; readonly prefix: string }
  | { readonly do: 'turn' }
  | { readonly do: 'drop' };

export interface Reply {
  /** First line of what went wrong. */
  readonly error?: string;
  readonly runsOn?: string;
  /** Of `prepare`: from the case to the end of the first run. */
  readonly firstMs?: number;
  readonly times?: readonly number[];
  /** Of a turn: processor time of this process, all threads. */
  readonly cpuMs?: number;
}

/** A turn repeats what is over sooner than this, after one run that only warms the caches. */
const TURN_MS = 40;
const TURN_RUNS = 20;

const PEERS: Readonly<Record<string, () => Promise<{ open: (adapter: string) => Promise<Peer> }>>> = {
  largekernel: () => import('./peers/largekernel.ts'),
  tfjs: () => import('./peers/tfjs.ts'),
  'jax-js': () => import('./peers/jax-js.ts'),
  onnxruntime: () => import('./peers/onnxruntime.ts'),
  'gpu.js': () => import('./peers/gpu-js.ts'),
};

const [name = '', adapter = 'auto'] = process.argv.slice(2);
const replies = createWriteStream('', { fd: 3 });
let peer: Peer | undefined;
let prepared: Prepared | undefined;
/** Of the last run; of the first, with what it had to compile. */
let lastMs = 0;

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function turn(run: () => Promise<void>): Promise<number[]> {
  if (lastMs < TURN_MS) await run();
  const times: number[] = [];
  let sum = 0;
  do {
    lastMs = await timed(run);
    times.push(lastMs);
    sum += lastMs;
  } while (sum + lastMs < TURN_MS && times.length < TURN_RUNS);
  return times;
}

async function answer(request: Request): Promise<Reply> {
  switch (request.do) {
    case 'prepare': {
      installNavigator(adapter);
      peer ??= await PEERS[name]?.().then(({ open }) => open(adapter));
      if (peer === undefined) throw new Error(`no peer is called ${name}`);
      const { folder, case: c } = request;
      const data = Object.fromEntries(
        inputsOf(c).map(({ name: file }) => [file, readFloats(join(folder, `${file}.f32`))]),
      );
      const library = peer;
      const firstMs = await timed(async () => {
        prepared = await library.prepare(c, data);
        await prepared.run();
      });
      lastMs = firstMs;
      return { firstMs, runsOn: library.runsOn };
    }
    case 'outputs':
      for (const [file, values] of Object.entries((await prepared?.outputs()) ?? {}))
        writeFileSync(`${request.prefix}${file}.f32`, values);
      return {};
    case 'turn': {
      const before = process.cpuUsage();
      const times = await turn(() => defined(prepared, 'a prepared case').run());
      const { user, system } = process.cpuUsage(before);
      return { times, cpuMs: (user + system) / 1000 };
    }
    case 'drop':
      prepared?.dispose();
      prepared = undefined;
      return {};
  }
}

function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

for await (const line of createInterface(process.stdin)) {
  let reply: Reply;
  try {
    reply = await answer(JSON.parse(line) as Request);
  } catch (error) {
    reply = { error: messageOf(error).split('\n')[0] ?? '' };
  }
  replies.write(`${JSON.stringify(reply)}\n`);
}
process.exit(0);
