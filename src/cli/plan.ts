import type { Command } from 'commander';
import { openDevice } from '../device/open.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import type { Recipe } from '../recipe/schema.ts';
import { stepsOf, trainingImages, type TrainingImages } from '../sweeps/cost.ts';
import { CARDS, CARD_PROFILE, REACHED, USABLE, secondsOn, type Card } from '../training/planning/cards.ts';
import { loadChecked } from '../training/effects.ts';
import { decidedBy, fitPlan, targetOf, type Target } from '../training/planning/fit.ts';
import {
  communicationOf,
  communicationRows,
  type Communication,
} from '../training/planning/communication.ts';
import { checkShards } from '../training/together.ts';
import { duration } from '../training/log/reporter.ts';
import type { TrainingPlan } from '../training/step/training-plan.ts';
import { cardOf } from './cards.ts';
import { columns } from './columns.ts';
import { underWay } from './say.ts';
import { onlyWhen } from './conflicts.ts';
import { trainedModel } from '../training/weights/recipe-model.ts';
import { withTeacher } from '../training/weights/teacher.ts';
import { describePlan, planReport } from '../training/planning/plan-report.ts';
import { collect, positiveInteger, positiveNumber } from './train.ts';

interface Options {
  readonly recipe: string;
  readonly batch?: number;
  readonly set: readonly string[];
  readonly adapter?: string;
  readonly memory?: number;
  readonly for?: string;
  readonly imagesPerSecond?: number;
  readonly measure?: boolean;
  readonly ranks?: number;
  readonly link?: number;
  readonly json?: boolean;
}

/** `largekernel plan`: what a recipe costs, worked out without running it. */
export function addPlan(command: Command): void {
  command
    .requiredOption('--recipe <name|file>', 'a recipe by name or a YAML file')
    .option(
      '--batch <n>',
      'images of one micro-batch (default: the recipe’s, or the largest that fits)',
      positiveInteger,
    )
    .option('--set <key=value>', 'change a value of the recipe; may be given many times', collect, [])
    .option('--adapter <name>', 'plan for this adapter’s limits (default: those every WebGPU adapter has)')
    .option('--memory <gib>', 'device memory that may be used', positiveNumber)
    .option('--for <card>', `plan for a card by its published data: ${Object.keys(CARDS).join(', ')}`)
    .option(
      '--images-per-second <rate>',
      'training images in a second, to say how long a run takes',
      positiveNumber,
    )
    .option('--measure', 'take a few steps on the adapter (default: the best), to say how long a run takes')
    .option(
      '--ranks <n>',
      'plan for so many processes with a GPU each; the rate is that of one',
      positiveInteger,
    )
    .option(
      '--link <GB/s>',
      'what one rank sends to others in a second, while it receives as much: a rate of `bench ranks`',
      positiveNumber,
    )
    .option('--json', 'JSON on standard output')
    .action(plan);
  onlyWhen(command, 'with --link', ['--ranks'], ({ has }) => has('--link'));
  onlyWhen(command, 'with --ranks', ['--link'], ({ has }) => has('--ranks'));
  onlyWhen(command, 'without --for', ['--adapter', '--measure'], ({ has }) => !has('--for'));
  onlyWhen(command, 'without --images-per-second', ['--measure'], ({ has }) => !has('--images-per-second'));
}

async function plan(options: Options): Promise<void> {
  const loaded = await loadChecked(options.recipe, options.set);
  const { recipe } = loaded;
  const { ranks = 1, link } = options;
  checkShards(recipe, ranks);
  for (const line of loaded.warnings) process.stderr.write(`${line}\n`);
  const adapter = options.adapter ?? (options.measure ? 'auto' : undefined);
  const device = adapter === undefined ? undefined : await openDevice(adapter);
  try {
    const images = await trainingImages(recipe, new Map());
    const model = trainedModel(recipe, images.classes);
    const card =
      options.for === undefined ? undefined : cardOf(options.for, '; --memory GIB plans for any other');
    const bare = card === undefined ? targetOf(device, options.memory) : targetOfCard(card, options.memory);
    const target = await withTeacher(bare, recipe, model.config.classes);
    const micro = options.batch ?? recipe.batch.micro;
    const planned = fitPlan(recipe, model, target, micro);
    const rate =
      options.measure && adapter !== undefined
        ? await measuredRate(loaded, adapter, planned, options.memory)
        : options.imagesPerSecond;
    const communication =
      link === undefined
        ? undefined
        : communicationOf(planned, { ranks, gigabytesPerSecond: link }, rateOf(recipe, planned, rate, card));
    const report = {
      ...planReport(recipe, planned),
      decidedBy: decidedBy(recipe, planned, target, micro !== 'auto'),
      ...timeOf(recipe, planned, images, rate, card, communication),
      ...(communication && { communication }),
    };
    const rows: [string, string][] = [
      ['micro-batch', `${report.micro}, by ${report.decidedBy}`],
      ['time', report.time],
      ...(communication === undefined ? [] : communicationRows(communication)),
    ];
    process.stdout.write(
      options.json
        ? `${JSON.stringify(report, null, 2)}\n`
        : `${describePlan(report)}\n${columns(rows, process.stdout.columns)}`,
    );
  } finally {
    device?.close();
  }
}

const MEASURED_STEPS = 3;

/** Training images in a second: the median of a few steps, without a loader. */
async function measuredRate(
  loaded: LoadedRecipe,
  adapter: string,
  { micro, model }: TrainingPlan,
  memoryGib: number | undefined,
): Promise<number> {
  const { benchStep } = await import('../bench/step.ts');
  const { classes } = model.config;
  const settings = { adapter, classes, steps: MEASURED_STEPS, micro, memoryGib };
  const { imagesPerSecond } = await underWay('measuring a few steps', () => benchStep(loaded, settings));
  return Number(imagesPerSecond.toPrecision(3));
}

function targetOfCard(card: Card, memory: number | undefined): Target {
  return { ...targetOf(undefined, memory ?? card.gib * USABLE), profile: CARD_PROFILE };
}

/** Training images of one process in a second, where something tells. */
function rateOf(
  recipe: Recipe,
  plan: TrainingPlan,
  rate: number | undefined,
  card: Card | undefined,
): number | undefined {
  if (rate !== undefined || card === undefined) return rate;
  return recipe.batch.size / secondsOn(card, planReport(recipe, plan).stepMacs.live);
}

/** Hours at a given rate, or at the share of a card's peak rate that was measured on another. */
function timeOf(
  recipe: Recipe,
  plan: TrainingPlan,
  images: TrainingImages,
  rate: number | undefined,
  card: Card | undefined,
  communication: Communication | undefined,
): { hours: number | null; time: string } {
  const unknown = 'unknown: ';
  const steps = stepsOf(recipe, images);
  if (steps === undefined)
    return {
      hours: null,
      time: `${unknown}the training images could not be counted (${images.problem ?? ''}); add --set data.root=…`,
    };
  const counted =
    images.problem === undefined || images.count === undefined
      ? ''
      : `, of the ${images.count.toLocaleString('en')} images that ${recipe.data.dataset} has as published`;
  const { ranks = 1, efficiency } = communication ?? {};
  const speedup = ranks * (efficiency ?? 1);
  const by = ranks === 1 ? '' : ` by each of ${ranks} ranks`;
  if (rate !== undefined) {
    const seconds = (steps * recipe.batch.size) / rate / speedup;
    return {
      hours: seconds / 3600,
      time: `${duration(seconds)} for ${steps} steps at ${rate} images/s${by}, without evaluation${counted}`,
    };
  }
  if (card === undefined)
    return {
      hours: null,
      time: `${unknown}--measure takes a few steps on this machine`,
    };
  const { stepMacs } = planReport(recipe, plan);
  const seconds = secondsOn(card, stepMacs.live * steps) / speedup;
  return {
    hours: seconds / 3600,
    time: `about ${duration(seconds)} for ${steps} steps${by}${counted}, an estimate from ${(100 * REACHED).toFixed(0)} % of the peak of ${card.tflops} TFLOPS, which an H200 reached; measure with \`largekernel bench step\``,
  };
}
