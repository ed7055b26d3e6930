/** The commands that measure what tables and figures hold, and what they cost. */
import type { Model } from '../../models/model.ts';
import { settingsOf } from '../../robustness/analyses/presets.ts';
import { findAnalysis } from '../../robustness/analyses/registry.ts';
import { ATTACKS } from '../../robustness/attacks/registry.ts';
import { plan } from '../../robustness/benchmarks/evaluation/units.ts';
import { findBenchmark } from '../../robustness/benchmarks/records.ts';
import { defined } from '../../util/errors.ts';
import { macsOf } from './cost.ts';
import type { Step, Work } from './step.ts';

/** Weights that a command looks at. */
export interface Target {
  /** For people. */
  readonly name: string;
  /** A run folder or a file of weights. */
  readonly checkpoint: string;
  readonly model: Model;
  readonly imageSize: number;
}

/** Where images are, and how many of them are taken. */
export interface Images {
  /** The folder of labelled images; undefined: the run's own. */
  readonly data: string | undefined;
  readonly dataRoot: string | undefined;
  /** Labelled images that there are. */
  readonly count: number;
  readonly limit: number | undefined;
  /** C and P are made from the labelled images. */
  readonly isGenerated: boolean;
}

/** Words of every command: the adapter. */
export type Common = readonly string[];

function workOf({ model, imageSize }: Target, passes: number): Work {
  const { name, config } = model;
  return { model: name, imageSize, options: config, passes, macs: macsOf(model, imageSize) };
}

function namesOf(targets: readonly Target[]): string {
  return targets.length > 3 ? `${targets.length} models` : targets.map(({ name }) => name).join(', ');
}

/** @param ids of benchmarks */
export function benchmarkStep(target: Target, ids: readonly string[], images: Images, common: Common): Step {
  const { limit, isGenerated, dataRoot, data } = images;
  const passes = ids.reduce(
    (sum, id) => sum + plan(findBenchmark(id), undefined, limitOf(images)).forwardPasses,
    0,
  );
  return {
    title: `${ids.join(', ')} of ${target.name}`,
    command: [
      ...['evaluate', '--checkpoint', target.checkpoint, '--benchmarks', ids.join(',')],
      ...(isGenerated ? ['--generate'] : []),
      ...(data === undefined ? [] : ['--data', data]),
      ...(dataRoot === undefined ? [] : ['--data-root', dataRoot]),
      ...(limit === undefined ? [] : ['--limit', String(limit)]),
      ...common,
    ],
    work: [workOf(target, passes)],
  };
}

function limitOf({ limit, count, isGenerated }: Images): { limit?: number } {
  const most = isGenerated ? Math.min(limit ?? count, count) : limit;
  return most === undefined ? {} : { limit: most };
}

/** @param options of the analysis, as its command takes them */
export function analysisStep(
  targets: readonly Target[],
  id: string,
  options: Readonly<Record<string, string | number>>,
  images: Images,
  common: Common,
): Step {
  const analysis = findAnalysis(id);
  const settings = settingsOf(analysis, 'paper', options);
  const count = Math.min(images.limit ?? images.count, images.count);
  const passes = (target: Target): number => {
    if (analysis.needs === 'nothing') return 0;
    const points = analysis.points?.(target, settings);
    return points === undefined ? Math.min(count, Number(settings['images'])) : count * (points + 1);
  };
  const words = Object.entries(options).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ]);
  const looksAtImages = analysis.needs !== 'nothing';
  return {
    title: `${id} of ${namesOf(targets)}`,
    command: [
      ...['analyze', id, '--preset', 'paper', '--checkpoint', ...targets.map(({ checkpoint }) => checkpoint)],
      ...(looksAtImages ? imageWords(images, common) : []),
      ...words,
    ],
    work: targets.map((target) => workOf(target, passes(target))),
  };
}

function imageWords({ data, limit }: Images, common: Common): string[] {
  return [
    ...(data === undefined ? [] : ['--data', data]),
    ...(limit === undefined ? [] : ['--limit', String(limit)]),
    ...common,
  ];
}

/** An attack on one model after the other; @param transfer models that its images are tried on, which keeps them */
export function attackStep(
  targets: readonly Target[],
  id: string,
  options: readonly string[],
  images: Images,
  common: Common,
  { epsilons, transfer = [], settings = {} }: AttackChoice = {},
): Step {
  const attack = defined(
    ATTACKS.find((known) => known.id === id),
    id,
  );
  const usual = Object.fromEntries(
    Object.entries(attack.settings).map(([key, field]) => [key, field.default]),
  );
  const count = Math.min(images.limit ?? images.count, images.count);
  const eps = epsilons ?? attack.epsilons;
  const own = (target: Target) =>
    count * (1 + eps.length * (1 + attack.passes({ ...usual, ...settings }, target.model.config.classes)));
  const on = transfer.length === 0 ? '' : ` on ${namesOf(transfer)}`;
  return {
    title: `${[id, ...options].join(' ').replaceAll('--', '')} of ${namesOf(targets)}${on}`,
    command: [
      ...['attack', id, '--checkpoint', ...targets.map(({ checkpoint }) => checkpoint)],
      ...(epsilons === undefined ? [] : ['--eps', epsilons.join(',')]),
      ...options,
      ...(transfer.length === 0 ? [] : ['--target', ...transfer.map(({ checkpoint }) => checkpoint)]),
      ...imageWords(images, common),
    ],
    work: [
      ...targets.map((target) => workOf(target, own(target))),
      ...transfer.map((target) => workOf(target, targets.length * count * (1 + eps.length))),
    ],
  };
}

export interface AttackChoice {
  readonly epsilons?: readonly number[];
  readonly transfer?: readonly Target[];
  /** The settings that `options` change, for the estimate. */
  readonly settings?: Readonly<Record<string, unknown>>;
}
