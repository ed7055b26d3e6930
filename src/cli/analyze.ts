import { InvalidArgumentError, Option, type Command } from 'commander';
import { join } from 'node:path';
import type { Ranks } from '../mpi/ranks.ts';
import { InferenceSession } from '../models/inference.ts';
import { pictureGrid } from '../report/picture-grid.ts';
import type { Analysis, AnalysisContext, PresetName } from '../robustness/analyses/analysis.ts';
import { presetsOf, settingsOf } from '../robustness/analyses/presets.ts';
import { ANALYSES } from '../robustness/analyses/registry.ts';
import { startCrew } from '../robustness/benchmarks/crew/crew.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { forwardRate, sessionClassifier } from '../robustness/classifier/session-classifier.ts';
import { describeType, type Field } from '../schema/fields.ts';
import { readValue } from '../schema/values.ts';
import { duration } from '../training/log/reporter.ts';
import type { WeightsUse } from '../training/weights/settings.ts';
import { writeFileAtomic } from '../util/files.ts';
import { printResults } from './analyze-output.ts';
import {
  checkCheckpoints,
  checkpointsOptions,
  imageOptions,
  ofRank,
  withContext,
  type ContextOptions,
  type Use,
} from './contexts.ts';
import { untilInterrupted } from './interrupt.ts';
import { sharedByRanks } from './start-ranks.ts';
import { ProgressLine } from './progress-line.ts';

export interface AnalyzeOptions extends ContextOptions {
  readonly preset: PresetName;
}

/** `largekernel analyze <analysis>`: one command each, with its own settings. */
export function addAnalyze(command: Command): void {
  for (const analysis of ANALYSES) {
    const own = command.command(analysis.id).description(analysis.description);
    weightsOptions(own, analysis);
    if (analysis.needs !== 'nothing') imageOptions(own, analysis);
    if (analysis.pictures !== undefined)
      own.option('--pictures <file.svg>', 'show what becomes of some of the images of the first checkpoint');
    for (const [key, field] of Object.entries(analysis.settings)) own.addOption(settingOption(key, field));
    own
      .option('--out <folder>', 'where results go (default: <run>/robustness, or runs/robustness)')
      .option('--figure <file.svg>', 'draw the models side by side')
      .option('--json', 'JSON on standard output')
      .action((options: AnalyzeOptions) =>
        sharedByRanks(options.ranks, {
          use: (ranks) => analyze(analysis, ofRank(options, ranks), ranks),
          check: () => check(analysis, options),
          keeps: true,
        }),
      );
  }
}

function weightsOptions(command: Command, analysis: Analysis): void {
  checkpointsOptions(command);
  command.addOption(
    new Option(
      '--preset <name>',
      `settings of the paper, of the code released with it, or ours${presetWords(analysis)}`,
    )
      .choices(presetsOf(analysis))
      .default('default'),
  );
}

/** What presets set otherwise than the defaults, as options. */
function presetWords({ presets }: Analysis): string {
  return Object.entries(presets)
    .map(([name, own]) => {
      const words = Object.entries(own).map(
        ([key, value]) => `--${flagOf(key)}${value === true ? '' : ` ${String(value)}`}`,
      );
      return `; ${name}: ${words.join(' ') || 'ours'}`;
    })
    .join('');
}

/** @example flagOf('halfWidth') // half-width */
function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A setting as an option; its default is that of the preset, so none is given here. */
export function settingOption(key: string, { type, description, unit, default: usual }: Field): Option {
  const shown = Array.isArray(usual) ? usual.join(',') : String(usual);
  const text = `${description}${unit === undefined ? '' : ` In ${unit}.`} (default: ${shown})`;
  if (type.base === 'boolean') return new Option(`--${flagOf(key)}`, text);
  const option = new Option(`--${flagOf(key)} <${type.base === 'choice' ? 'name' : type.base}>`, text);
  return option.argParser((given) => {
    const value = readValue(settingValue(given, type), type);
    if (value === undefined) throw new InvalidArgumentError(`allowed: ${describeType(type)}.`);
    return value;
  });
}

function settingValue(text: string, type: Field['type']): unknown {
  if (type.also?.includes(text)) return text;
  const item = (word: string) => (word.trim() === '' ? NaN : Number(word));
  if (type.base === 'list') return text.split(',').map(item);
  return type.base === 'integer' || type.base === 'number' ? item(text) : text;
}

const USES: Readonly<Record<Analysis['needs'], WeightsUse>> = {
  images: 'analyze',
  stimuli: 'analyze stimuli',
  nothing: 'analyze weights',
};

function usesOf({ id, needs }: Analysis, { preset }: AnalyzeOptions): Use {
  return { needs, use: USES[needs], folder: preset === 'default' ? id : `${id}-${preset}` };
}

function allSettings(analysis: Analysis, options: AnalyzeOptions): Readonly<Record<string, unknown>> {
  return settingsOf(analysis, options.preset, options as unknown as Record<string, unknown>);
}

async function check(analysis: Analysis, options: AnalyzeOptions): Promise<void> {
  allSettings(analysis, options);
  await checkCheckpoints(USES[analysis.needs], options.checkpoint, options);
}

async function analyze(analysis: Analysis, options: AnalyzeOptions, ranks: Ranks | undefined): Promise<void> {
  const settings = allSettings(analysis, options);
  if (options.checkpoint.length > 1) await check(analysis, options);
  const crew = options.workers === undefined ? undefined : startCrew(options.workers);
  const line = new ProgressLine(options.json === true);
  try {
    await untilInterrupted(
      async (signal) => {
        const results: { checkpoint: string; result: BenchmarkResult; file: string }[] = [];
        for (const checkpoint of options.checkpoint)
          await withContext(
            usesOf(analysis, options),
            checkpoint,
            options,
            { crew, signal, line, ranks },
            async (context) => {
              if (options.dryRun === true) await printPlan(analysis, checkpoint, context, settings, options);
              else {
                const result = await analysis.run(context, settings);
                if (options.pictures !== undefined && results.length === 0) {
                  const rows = (await analysis.pictures?.(context, settings)) ?? [];
                  await writeFileAtomic(options.pictures, await pictureGrid(analysis.name, rows));
                }
                results.push({ checkpoint, result, file: join(context.folder, 'result.json') });
              }
              line.clear();
            },
          );
        if (options.dryRun === true) return;
        const svg = printResults(analysis, results, options);
        if (options.figure !== undefined) await writeFileAtomic(options.figure, svg);
        if (results.some(({ result }) => !result.complete)) process.exitCode = 3;
      },
      undefined,
      ranks,
    );
  } finally {
    line.clear();
    await crew?.close();
  }
}

/** Passes, and hours at the rate that the model reaches here. */
async function printPlan(
  analysis: Analysis,
  checkpoint: string,
  context: AnalysisContext,
  settings: Readonly<Record<string, unknown>>,
  { json }: AnalyzeOptions,
): Promise<void> {
  const plan = await analysis.plan(context, settings);
  const { device, weights } = await context.onDevice();
  const { batch, imageSize, model, about } = context;
  const shape = { batch, channels: model.config.channels, imageSize };
  const session = await InferenceSession.create(device, weights, shape);
  const rate = await forwardRate(await sessionClassifier(session, about), batch);
  session.destroy();
  const hours = plan.passes / rate / 3600;
  if (json === true)
    process.stdout.write(
      `${JSON.stringify({ analysis: analysis.id, checkpoint, model: model.name, ...plan, forwardRate: rate, hours })}\n`,
    );
  else
    process.stdout.write(
      `${analysis.name} of ${model.name}: ${plan.points} points of ${plan.images.toLocaleString('en')} images, ${plan.passes.toLocaleString('en')} passes at ${rate.toFixed(1)} images/s on this device: ${duration(3600 * hours)}\n`,
    );
}
