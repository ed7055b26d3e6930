import { Command, Option } from 'commander';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defined, FrameworkError, messageOf } from '../../src/util/errors.ts';
import { chooseCases, dataOf, inputsOf, labelOf, MODELS, outputsOf, SETS, type Case } from './cases.ts';
import { nodePeer, PeerProcess, pytorchPeer } from './process.ts';
import { referenceOf } from './reference.ts';
import { printTable, summarise, type Measured, type Row } from './report.ts';

interface Options {
  readonly adapter: string;
  readonly set?: string[];
  readonly sizes?: number[];
  readonly kernels?: number[];
  readonly models?: string[];
  readonly peers: string[];
  readonly python?: string;
  readonly budget: number;
  readonly attempts: number;
  readonly limit: number;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const WEBGPU_PEERS = ['tfjs', 'jax-js', 'onnxruntime', 'gpu.js'];
const MIN_TURNS = 3;
/** Threads of OpenMP spin for a while after their work; the next peer must not share the cores with them. */
const REST_MS = 30;
/** Cores that other programs may use during a turn; PyTorch's threads wait for each other and lose most. */
const MAX_OTHERS = 0.5;
const DISTURBED_REST_MS = 300;
/** Largest normalised mean squared error against the reference; float32 sums in another order stay far below. */
const MAX_NMSE = 1e-8;
/** Of what steps changed: AdamW's first updates are the signs of the gradients, and rounding turns a few of the small ones. */
const MAX_CHANGE_NMSE = 1e-4;

/** Times all peers at one case, in turns, those first checked to compute the same. */
async function compare(c: Case, peers: readonly PeerProcess[], options: Options): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'largekernel-peers-'));
  try {
    const data = new Map(inputsOf(c).map((spec) => [spec.name, dataOf(c, spec)]));
    for (const [name, values] of data) writeFileSync(join(folder, `${name}.f32`), values);
    const limitMs = options.limit * 1000;
    const rows = peers.map(({ command }): Mutable => ({ command, times: [], disturbed: 0, spent: 0 }));
    let reference: Map<string, Float32Array> | undefined;
    // PyTorch goes first: what it computes is what the others are held against.
    for (const [i, peer] of [...peers.entries()].sort(([, a], [, b]) => rank(a) - rank(b))) {
      const row = rows[i] as Mutable;
      const begun = await peer.ask({ do: 'prepare', case: c, folder }, limitMs);
      Object.assign(row, { runsOn: begun.runsOn, firstMs: begun.firstMs, failed: begun.error });
      if (begun.error !== undefined) continue;
      const prefix = join(folder, `${i}-`);
      row.failed = (await peer.ask({ do: 'outputs', prefix }, limitMs)).error;
      if (row.failed !== undefined) continue;
      const results = new Map(outputsOf(c).map((name) => [name, readFloats(`${prefix}${name}.f32`)]));
      if (reference === undefined && peer.command.kind === 'pytorch') reference = results;
      reference ??= referenceOf(c, data);
      const { nmse, failed } = check(results, reference);
      Object.assign(row, { nmse, failed });
    }
    if (options.verbose) process.stderr.write(`${rows.map(progress).join('; ')}\n`);
    await takeTurns(peers, rows, options);
    for (const peer of peers) await peer.ask({ do: 'drop' }, limitMs);
    return summarise(labelOf(c), options.adapter, rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A turn each, round and round. */
async function takeTurns(
  peers: readonly PeerProcess[],
  rows: readonly Mutable[],
  options: Options,
): Promise<void> {
  for (let turn = 0; ; turn++) {
    const due = rows.filter(
      ({ failed, spent }) => failed === undefined && (turn < MIN_TURNS || spent < options.budget * 1000),
    );
    if (due.length === 0) return;
    for (const row of due) {
      const peer = defined(peers[rows.indexOf(row)], row.command.name);
      const start = performance.now();
      const { reply, isDisturbed } = await takeTurn(peer, options);
      // With the rest before it: of the shortest runs a second would otherwise be a thousand turns.
      row.spent += performance.now() - start;
      row.failed = reply.error;
      row.times.push(...(reply.times ?? []));
      if (isDisturbed) row.disturbed += reply.times?.length ?? 0;
    }
  }
}

/** One turn; taken again, a few times at most, where other programs used the processor meanwhile. */
async function takeTurn(peer: PeerProcess, { limit, attempts }: Options) {
  for (let attempt = 1; ; attempt++) {
    await sleep(attempt === 1 ? REST_MS : DISTURBED_REST_MS);
    const [start, before] = [performance.now(), busyMs()];
    const reply = await peer.ask({ do: 'turn' }, limit * 1000);
    const elapsedMs = performance.now() - start;
    const isDisturbed = busyMs() - before - (reply.cpuMs ?? 0) > MAX_OTHERS * elapsedMs;
    if (!isDisturbed || reply.error !== undefined || attempt >= attempts) return { reply, isDisturbed };
  }
}

/** Processor time that all programs of the machine have used. */
function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}

function progress({ command, firstMs, failed }: Mutable): string {
  return `${command.name}: ${failed ?? `first run after ${firstMs?.toFixed(0)} ms`}`;
}

type Mutable = Measured & { spent: number };

function rank({ command }: PeerProcess): number {
  return command.kind === 'pytorch' ? 0 : command.kind === 'ours' ? 1 : 2;
}

function readFloats(file: string): Float32Array {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** The worst normalised mean squared error of the results, and what is wrong if it is too large. */
function check(
  results: ReadonlyMap<string, Float32Array>,
  reference: ReadonlyMap<string, ArrayLike<number>> | undefined,
): { nmse?: number; failed?: string } {
  if (reference === undefined) return {};
  let worst = 0;
  for (const [name, wanted] of reference) {
    const found = results.get(name) ?? new Float32Array();
    if (found.length !== wanted.length)
      return { failed: `wrong ${name}: ${found.length} elements instead of ${wanted.length}` };
    let error = 0;
    let power = 0;
    for (let i = 0; i < wanted.length; i++) {
      const value = wanted[i] ?? NaN;
      error += ((found[i] ?? NaN) - value) ** 2;
      power += value ** 2;
    }
    const nmse = error / power;
    if (!(nmse <= (name === 'change' ? MAX_CHANGE_NMSE : MAX_NMSE))) {
      const few =
        found.length <= 4 ? `; ${found.join(', ')} instead of ${Array.from(wanted).join(', ')}` : '';
      return { nmse, failed: `wrong ${name}: NMSE ${nmse.toExponential(1)}${few}` };
    }
    worst = Math.max(worst, nmse);
  }
  return { nmse: worst };
}

/** Without PyTorch the results are held against the project's own formulas, and the output says so. */
function pythonOf({ python }: Options): string | undefined {
  const why = 'Results are compared with the float64 references of largekernel instead.';
  if (python === undefined)
    process.stderr.write(`PyTorch is left out: neither --python nor PEERS_PYTHON is given. ${why}\n`);
  else if (!existsSync(python)) process.stderr.write(`PyTorch is left out: there is no ${python}. ${why}\n`);
  else return python;
  return undefined;
}

async function main(options: Options): Promise<void> {
  const { set: sets, sizes, kernels, models } = options;
  const cases = chooseCases({ sets, sizes, kernels, models });
  const unknown = options.peers.find((name) => !WEBGPU_PEERS.includes(name));
  if (unknown !== undefined)
    throw new FrameworkError('cli/option', `There is no peer ${unknown}.`, {
      hint: `--peers takes ${WEBGPU_PEERS.join(',')}.`,
    });
  const python = pythonOf(options);
  const peers = [
    nodePeer('largekernel', options.adapter),
    ...options.peers.map((name) => nodePeer(name, options.adapter)),
    ...(python === undefined
      ? []
      : [pytorchPeer(python, 'contiguous'), pytorchPeer(python, 'channels_last')]),
  ].map((command) => new PeerProcess(command, options.verbose === true));
  const all: Row[] = [];
  try {
    for (const c of cases) {
      process.stderr.write(`${labelOf(c)} …\n`);
      const rows = await compare(c, peers, options);
      all.push(...rows);
      if (options.json) for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
    }
  } finally {
    for (const peer of peers) peer.stop();
  }
  if (!options.json) printTable(all);
}

const list = (text: string): string[] => text.split(',');
const numbers = (text: string): number[] => list(text).map(Number);

const program = new Command('peers')
  .description('times the kernels of largekernel beside those of other libraries, in turns, on one adapter')
  .option('--adapter <name>', 'auto, gpu, lavapipe, swiftshader or part of an adapter’s name', 'auto')
  .option('--set <names>', `of ${SETS.join(', ')}; default: all but step`, list)
  .option('--sizes <list>', 'of depthwise: 56,28,14,7', numbers)
  .option('--kernels <list>', 'of depthwise and step: 7,13,31,51', numbers)
  .option('--models <names>', `of step: ${MODELS.join(',')}`, list)
  .option('--peers <names>', 'WebGPU libraries to compare with', list, WEBGPU_PEERS)
  .addOption(new Option('--python <file>', 'a Python that has PyTorch').env('PEERS_PYTHON'))
  .option('--budget <s>', 'seconds of turns a peer may take at one case; three turns in any event', Number, 2)
  .option(
    '--attempts <n>',
    'how often at most a turn is taken while other programs use the processor',
    Number,
    5,
  )
  .option('--limit <s>', 'seconds after which a peer that has not answered is stopped', Number, 120)
  .option('--json', 'one line of JSON for each case and peer')
  .option('--verbose', 'show what the libraries print')
  .action(main);

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`);
  if (error instanceof FrameworkError && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  process.exitCode = 1;
}
