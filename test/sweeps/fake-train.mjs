// Stands in for `largekernel train` and `evaluate` in tests of the sweep: writes the folder of a run without training.
// argv: behaviour.json, then the command's own arguments. behaviour.json: run id → { hash, top1, exit, hang }.
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const [, , file, command, ...args] = process.argv;
const sha256 = (...texts) => createHash('sha256').update(texts.join('')).digest('hex');
/** The seal of src/util/sealed.ts, written a second time. */
const sealed = (kind, version, content) => {
  const body = JSON.stringify(content, null, 1).slice(2);
  const seal = JSON.stringify({ kind, version, sha256: sha256(`${kind}\n${version}\n`, body) });
  return `{"seal":${seal},\n${body}`;
};
const out = args[args.indexOf('--out') + 1];
if (command === 'evaluate') {
  const weights = basename(out);
  const run = basename(dirname(dirname(out)));
  const { evaluateExit } = JSON.parse(readFileSync(file, 'utf8'))[run] ?? {};
  if (evaluateExit !== undefined) process.exit(evaluateExit);
  const benchmarks = args[args.indexOf('--benchmarks') + 1];
  appendFileSync(
    join(dirname(file), 'started'),
    `evaluate ${run} ${weights} ${benchmarks}${args.includes('--ema') ? ' --ema' : ''}\n`,
  );
  const metrics = [
    { id: 'top1', label: 'top-1', protocol: 'full1000', unit: '%', better: 'higher', value: 10.5 },
    { id: 'top1', label: 'top-1', protocol: 'masked200', unit: '%', better: 'higher', value: 12 },
  ];
  const protocol = {
    dataOrigin: 'release',
    subset: args.includes('--ema') ? 'first 10' : 'all',
    difficulty: 1,
  };
  for (const benchmark of benchmarks.split(',')) {
    mkdirSync(join(out, benchmark), { recursive: true });
    writeFileSync(
      join(out, benchmark, 'result.json'),
      sealed('benchmark result', 3, { benchmark, name: 'ImageNet-A', complete: true, protocol, metrics }),
    );
  }
  process.exit(0);
}
const id = basename(out);
const { hash, top1, exit = 0, hang = false, damaged = false } = JSON.parse(readFileSync(file, 'utf8'))[id];
appendFileSync(join(dirname(file), 'started'), `${command} ${id}\n`);
appendFileSync(join(dirname(file), 'parents'), `${id} ${process.env.LARGEKERNEL_PARENT}\n`);
mkdirSync(join(out, 'checkpoints'), { recursive: true });
writeFileSync(join(out, 'environment.json'), sealed('run identity', 1, { recipeHash: hash }));
if (exit !== 0) {
  process.stderr.write('error: the loss is not finite\nhint: lower the learning rate\n');
  process.exit(exit);
}
if (damaged && !args.includes('--resume')) {
  process.stderr.write('error: step 2 is damaged\nhint: Add --resume to go on from step 1.\n');
  process.exit(5);
}
appendFileSync(join(dirname(file), 'resumed'), args.includes('--resume') ? `${id}\n` : '');
let check = '';
const say = (record) => {
  const body = JSON.stringify(record).slice(0, -1);
  check = sha256(check, body).slice(0, 16);
  appendFileSync(join(out, 'metrics.jsonl'), `${body},"check":"${check}"}\n`);
  process.stdout.write(`${JSON.stringify(record)}\n`);
};
const evaluation = { kind: 'evaluation', epoch: 0, top5: 1, loss: 1, count: 100, skipped: 0 };
for (const [step, offset] of [[1], [2, 0.01], [3, 0]]) {
  say({
    kind: 'step',
    step,
    epoch: 0,
    lr: 1,
    loss: 1 / step,
    gradNorm: 1,
    imagesPerSecond: step === 1 ? null : 128,
  });
  if (hang || offset === undefined) continue;
  say({ ...evaluation, step, weights: 'raw', top1: top1 + offset });
  say({ ...evaluation, step, weights: 'ema', top1: top1 - 0.1 });
}
if (hang) {
  process.on('SIGTERM', () => {
    process.exit(75);
  });
  setInterval(() => {}, 1000);
} else {
  const evaluations = { raw: { top1, top5: 1, loss: 1, count: 100 } };
  writeFileSync(
    join(out, 'summary.json'),
    sealed('run summary', 1, { outcome: 'finished', step: 3, steps: 3, evaluations }),
  );
}
