import { Option, type Command } from 'commander';
import { openDevice } from '../device/open.ts';
import { resolveWeights } from '../training/evaluation/evaluate-weights.ts';
import { classesOfMetadata } from '../data/class-metadata.ts';
import { some } from '../data/match-classes.ts';
import { inspectWeights, type Inspection } from '../training/weights/inspect.ts';
import {
  MERGE_TOLERANCE,
  checkAgreement,
  compareForms,
  mergeWeights,
  writeMerged,
} from '../training/export/merge-weights.ts';
import { isRunFolder } from '../training/run/run-folder.ts';
import { publishedAs } from '../training/weights/published/list.ts';
import { convertWeights, type TargetNaming } from '../training/export/state-dict.ts';
import { say, underWay } from './say.ts';
import { ADAPTERS, collect, positiveInteger, positiveNumber } from './train.ts';
import { onlyWhen, type Given } from './conflicts.ts';
import { checkNotOver, endingIn } from './files.ts';
import {
  checkpointOptions,
  onlyRun,
  readableImages,
  weightsRequest,
  type CheckpointOptions,
} from './weights.ts';

interface InspectOptions {
  readonly entry?: string;
  readonly ema?: boolean;
  readonly json?: boolean;
}

/** `largekernel inspect`: what a file of weights holds. */
export function addInspect(command: Command): void {
  command
    .argument('<file|run>', 'safetensors, .pth, .npy or .npz, a run folder, or published weights by name')
    .option('--entry <name>', 'which set of weights of a file with several, for example model_ema')
    .option('--ema', 'the averaged weights of a run')
    .option('--json', 'JSON on standard output')
    .action(inspect);
  onlyRun(command, ({ args }) => args[0] ?? '');
}

async function inspect(path: string, { entry, ema, json }: InspectOptions): Promise<void> {
  const found = await inspectWeights(path, { entry, weights: ema ? 'ema' : 'raw' });
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : described(found));
}

function described({
  file,
  format,
  naming,
  parameters,
  buffers,
  model,
  sets,
  leftOut,
  metadata,
  tensors,
}: Inspection): string {
  const count = (value: number) => value.toLocaleString('en');
  const rows = [
    ['file', file],
    ['format', format],
    ['naming', naming],
    ['tensors', count(tensors.length)],
    ['parameters', `${count(parameters)}, and ${count(buffers)} numbers of running statistics`],
    ['model', spokenModel(model)],
    ...(sets.length > 1
      ? sets.map((set) => [
          `--entry ${set.entry || "''"}`,
          `${count(set.tensors)} tensors, ${spokenModel(set.model)}`,
        ])
      : []),
    ...leftOut.map((name) => ['left out', name]),
    ...classRow(metadata),
    ...Object.entries(metadata)
      .filter(([key]) => classRow(metadata).length === 0 || !/^class(es|_names)$/.test(key))
      .map(([key, value]) => [`metadata ${key}`, value]),
    ['', ''],
    ...tensors.map(({ name, dtype, shape }) => [name, `${dtype.padEnd(5)}(${shape.join(', ')})`]),
  ].map((row) => row.map(printable));
  const width = Math.min(
    60,
    rows.reduce((most, [key = '']) => Math.max(most, key.length), 0),
  );
  return rows.map(([key = '', value = '']) => `${key.padEnd(width)}  ${value}`.trimEnd()).join('\n') + '\n';
}

function spokenModel(model: Inspection['model']): string {
  if (model === null) return 'not recognised';
  return `--model ${spoken(model.name, model.set)}, ${model.classes} classes`;
}

/** The class names that a file carries. */
function classRow(metadata: Readonly<Record<string, string>>): [string, string][] {
  const classes = classesOfMetadata(new Map(Object.entries(metadata)));
  return classes === undefined ? [] : [['classes', some(classes, 10)]];
}

/** `convnext-t --set 'model.kernels=[31,31,31,31]'` */
function spoken(model: string, settings: readonly string[]): string {
  const quoted = settings.map((setting) => (/^[\w.=-]+$/.test(setting) ? setting : `'${setting}'`));
  return [model, ...quoted.map((setting) => `--set ${setting}`)].join(' ');
}

/** Names in foreign files may hold anything; a terminal must not obey it. */
function printable(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

interface ConvertOptions extends Omit<CheckpointOptions, 'checkpoint'> {
  readonly to: TargetNaming;
}

/** `largekernel convert`: any readable weights as safetensors in PyTorch's names. */
export function addConvert(command: Command): void {
  command
    .argument('<file|run>', 'safetensors, .pth or .npz, a run folder, or published weights by name')
    .argument('<output>', 'a .safetensors file', endingIn('.safetensors'))
    .option('--model <name>', 'check the entries against this model')
    .option('--set <key=value>', 'its settings; may be given many times', collect, [])
    .option('--entry <name>', 'which set of weights of a file with several, for example model_ema')
    .option('--ema', 'the averaged weights of a run')
    .addOption(
      new Option('--to <naming>', "names of the papers' code, or, where a family has others, those")
        .choices(['official', 'timm', 'torchvision', 'huggingface'])
        .default('official'),
    )
    .action(convert);
  const isRun = ({ args }: Given) => isRunFolder(args[0] ?? '');
  onlyWhen(
    command,
    'with --model or a run folder',
    ['--set'],
    (given) => given.has('--model') || isRun(given),
  );
  onlyRun(command, ({ args }) => args[0] ?? '');
}

async function convert(checkpoint: string, output: string, options: ConvertOptions): Promise<void> {
  checkNotOver(checkpoint, output);
  const request = weightsRequest({ ...options, checkpoint }, 'convert');
  const checked =
    options.model !== undefined || isRunFolder(checkpoint) || publishedAs(checkpoint) !== undefined;
  const {
    tensors,
    addedCounters,
    model,
    notes: said,
  } = await underWay(`writing ${output}`, () => convertWeights(request, output, options.to, checked));
  const notes = [
    `${tensors} tensors`,
    ...(addedCounters > 0 ? [`${addedCounters} num_batches_tracked added as 0`] : []),
    model === undefined
      ? 'model not recognised'
      : `${checked ? 'checked against' : 'recognised as'} ${model}`,
  ];
  said.forEach(say);
  process.stderr.write(`${output}: ${notes.join(', ')}\n`);
}

interface MergeOptions extends CheckpointOptions {
  readonly output: string;
  readonly images?: readonly string[];
  readonly count: number;
  readonly batch: number;
  readonly tolerance: number;
  readonly adapter: string;
  readonly json?: boolean;
}

/** `largekernel merge`: the inference form of RepLKNet and SLaK-style ConvNeXt. */
export function addMerge(command: Command): void {
  checkpointOptions(command)
    .requiredOption('--output <file>', 'a .safetensors file', endingIn('.safetensors'))
    .option('--images <paths...>', 'compare both forms on these images (default: on random numbers)')
    .option('--count <n>', 'random images to compare on', positiveInteger, 2)
    .option('--batch <n>', 'images at once', positiveInteger, 2)
    .option(
      '--tolerance <ratio>',
      'largest difference of the logits, relative to their norm, that is taken for rounding',
      positiveNumber,
      MERGE_TOLERANCE,
    )
    .option('--adapter <name>', ADAPTERS, 'auto')
    .option('--json', 'JSON on standard output')
    .action(merge);
  onlyWhen(command, 'without --images', ['--count'], ({ has }) => !has('--images'));
}

async function merge(options: MergeOptions): Promise<void> {
  const { output, batch, tolerance } = options;
  checkNotOver(options.checkpoint, output);
  const resolved = await resolveWeights(weightsRequest(options, 'merge'));
  resolved.notes.forEach(say);
  const images =
    options.images === undefined ? options.count : await readableImages(options.images, options.json);
  const merged = await underWay('merging', () => mergeWeights(resolved), options.json);
  const device = await openDevice(options.adapter);
  try {
    const agreement = await underWay(
      'comparing both forms on images',
      () => compareForms(device, merged, resolved, images, batch),
      options.json,
    );
    checkAgreement(agreement, tolerance);
    const { model, settings } = await writeMerged(output, merged, resolved);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ output, model, set: settings, ...agreement })}\n`);
    else
      process.stdout.write(
        `logits of ${agreement.images} images differ by at most ${agreement.absolute.toExponential(2)}, ` +
          `relative to their norm ${agreement.relative.toExponential(2)} (tolerance ${tolerance})\n` +
          `use it with: --checkpoint ${output} --model ${spoken(model, settings)}\n`,
      );
  } finally {
    device.close();
  }
}
