/**
 * Mutated recipes, sweeps, results and files of a run's folder: `npx tsx scripts/campaign-mutations.ts 10000 [first]`. Each must be read or
 * be refused by an error of the project's own, within five seconds and a gigabyte; the first that is not ends the campaign.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { makeInputs, mutateOne } from '../test/campaigns/mutations.ts';

/** A loop without an end leaves no turn to a timer of its own thread. */
const WATCH = `
const { workerData: beat } = require('node:worker_threads');
let [seen, since] = [-1, Date.now()];
setInterval(() => {
  const now = Atomics.load(beat, 0);
  if (now !== seen) [seen, since] = [now, Date.now()];
  else if (Date.now() - since > 5000) {
    require('node:fs').writeSync(2, 'mutation ' + now + ' takes more than five seconds\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 250);
`;

const count = Number(process.argv[2] ?? 10_000);
const first = Number(process.argv[3] ?? 0);
const folder = await mkdtemp(join(tmpdir(), 'largekernel-mutations-'));
const beat = new Int32Array(new SharedArrayBuffer(4));
try {
  const inputs = await makeInputs(folder);
  const watch = new Worker(WATCH, { eval: true, workerData: beat });
  const counts = { read: 0, refused: 0 };
  let slowest = 0;
  for (let index = first; index < first + count; index++) {
    Atomics.store(beat, 0, index);
    const start = performance.now();
    counts[await mutateOne(inputs, index)]++;
    slowest = Math.max(slowest, performance.now() - start);
  }
  await watch.terminate();
  const most = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `${count} mutations of ${inputs.length} files: ${JSON.stringify(counts)}, slowest ${Math.round(slowest)} ms, at most ${most} MiB`,
  );
  if (most > 1024) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
