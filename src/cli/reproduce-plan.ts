import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { InferenceSession } from '../models/inference.ts';
import { createModel } from '../models/registry.ts';
import { ModelWeights } from '../models/weights.ts';
import { initialise } from '../nn/parameters.ts';
import { shellLine, type Step, type Work } from '../paper/work/step.ts';
import { duration } from '../training/log/reporter.ts';
import { secondsOn } from '../training/planning/cards.ts';
import { cardOf } from './cards.ts';
import { underWay } from './say.ts';

/** Images at once while the rate is measured. */
const BATCH = 16;
/** Multiply-adds of one image beyond which a batch is one image: a processor would take minutes. */
const LARGE = 1e9;

interface Options {
  readonly adapter: string;
  readonly for?: string;
  readonly json?: boolean;
}

/** The commands in order, with what they cost: on a card by its data, or at the rate that each model reaches here. */
export async function printPlan(
  steps: readonly Step[],
  done: ReadonlyMap<Step, unknown>,
  options: Options,
): Promise<void> {
  const open = steps.filter((step) => !done.has(step));
  const seconds = await secondsOf(open, options);
  if (options.json === true) {
    const rows = steps.map((step) => ({
      title: step.title,
      command: shellLine(step.command),
      passes: passesOf(step),
      done: done.has(step),
      hours: (seconds.get(step) ?? 0) / 3600,
    }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  for (const step of steps) {
    const time = done.has(step) ? 'done' : duration(seconds.get(step) ?? 0);
    const passes = passesOf(step);
    const images = passes === 0 ? '' : `, ${passes.toLocaleString('en')} images through the model`;
    process.stdout.write(`${step.title}: ${time}${images}\n  ${shellLine(step.command)}\n`);
  }
  const total = [...seconds.values()].reduce((sum, s) => sum + s, 0);
  const how =
    options.for === undefined ? 'at the rate of forward passes on this adapter' : `on one ${options.for}`;
  process.stdout.write(
    `${steps.length} commands, ${steps.length - open.length} of them done; about ${duration(total)} for the others ${how}, reading and changing images not counted\n`,
  );
}

function passesOf({ work }: Step): number {
  return work.reduce((sum, { passes }) => sum + passes, 0);
}

async function secondsOf(steps: readonly Step[], options: Options): Promise<Map<Step, number>> {
  if (options.for !== undefined) {
    const card = cardOf(options.for);
    return new Map(
      steps.map((step) => [step, sum(step, ({ passes, macs }) => secondsOn(card, passes * macs))]),
    );
  }
  const rates = await underWay(
    'measuring how fast each model is',
    () => measuredRates(steps, options.adapter),
    options.json,
  );
  return new Map(
    steps.map((step) => [step, sum(step, (work) => work.passes / (rates.get(keyOf(work)) ?? Infinity))]),
  );
}

function sum({ work }: Step, of: (work: Work) => number): number {
  return work.reduce((total, one) => total + of(one), 0);
}

function keyOf({ model, imageSize, options }: Work): string {
  return JSON.stringify([model, imageSize, options]);
}

/** Images a second through each model, with random weights. */
async function measuredRates(steps: readonly Step[], adapter: string): Promise<ReadonlyMap<string, number>> {
  const models = new Map(steps.flatMap(({ work }) => work.map((one): [string, Work] => [keyOf(one), one])));
  const rates = new Map<string, number>();
  if (models.size === 0) return rates;
  const device = await openDevice(adapter);
  try {
    for (const [key, work] of models) rates.set(key, await rateOf(device, work));
  } finally {
    device.close();
  }
  return rates;
}

async function rateOf(device: Device, { model: name, options, imageSize, macs }: Work): Promise<number> {
  const model = createModel(name, options);
  const batch = macs > LARGE ? 1 : BATCH;
  const { channels } = model.config;
  const weights = await ModelWeights.upload(device, model, initialise(model.parameters, 0));
  const session = await InferenceSession.create(device, weights, { batch, channels, imageSize });
  const x = new Float32Array(batch * channels * imageSize ** 2);
  await session.logits(x, batch); // compiles
  const start = performance.now();
  await session.logits(x, batch);
  const seconds = (performance.now() - start) / 1000;
  session.destroy();
  weights.destroy();
  return batch / seconds;
}
