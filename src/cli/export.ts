import { basename, join } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { isOpset, type Opset } from '../formats/onnx.ts';
import { exportOnnx } from '../models/export-onnx.ts';
import { resolveWeights, type ResolvedWeights } from '../training/evaluation/evaluate-weights.ts';
import { loadWeights } from '../training/weights/initial-weights.ts';
import { metadataOf, namesOf } from '../training/weights/model-classes.ts';
import { FrameworkError } from '../util/errors.ts';
import { exportWeb } from '../web/export-web.ts';
import { onlyWhen } from './conflicts.ts';
import { endingIn } from './files.ts';
import { say, underWay } from './say.ts';
import { checkpointOptions, readableImages, weightsRequest, type CheckpointOptions } from './weights.ts';

interface ExportOptions extends CheckpointOptions {
  readonly output?: string;
  readonly web?: string;
  readonly samples?: readonly string[];
  readonly opset: Opset;
}

/** `largekernel export`: a model's inference graph as ONNX, or a page on which a browser runs it. */
export function addExport(command: Command): void {
  checkpointOptions(command)
    .option('--output <file>', 'an .onnx file', endingIn('.onnx'))
    .option('--opset <n>', 'operator set, 17 to 20', opset, 17)
    .option('--web <folder>', 'a static folder: a page that runs the model in any browser with WebGPU')
    .option('--samples <paths...>', 'images, or folders of them, that the page offers')
    .action(exportModel);
  onlyWhen(command, 'with --output', ['--opset'], ({ has }) => has('--output'));
  onlyWhen(command, 'with --web', ['--samples'], ({ has }) => has('--web'));
}

function opset(text: string): Opset {
  const value = Number(text);
  if (isOpset(value)) return value;
  throw new InvalidArgumentError('17, 18, 19 or 20 is wanted.');
}

async function exportModel(options: ExportOptions): Promise<void> {
  const { output, web } = options;
  if (output === undefined && web === undefined)
    throw new FrameworkError('cli/usage', 'Neither --output nor --web was given.', {
      hint: '--output model.onnx writes ONNX, --web folder a page for browsers.',
    });
  const resolved = await resolveWeights(weightsRequest(options, 'export'));
  const samples = options.samples === undefined ? [] : await readableImages(options.samples);
  const { values } = await underWay(`reading ${resolved.file}`, () =>
    loadWeights(resolved.file, resolved.model, { entry: resolved.entry }),
  );
  resolved.notes.forEach(say);
  if (output !== undefined) await writeOnnx(output, options.opset, resolved, values);
  if (web !== undefined) await writePage(web, basename(options.checkpoint), samples, resolved, values);
}

async function writeOnnx(
  output: string,
  opset: Opset,
  { model, imageSize, normalization, classes }: ResolvedWeights,
  values: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const onnx = exportOnnx(model, values, { imageSize, opset });
  for (const [key, value] of Object.entries(metadataOf(classes))) onnx.property(key, value);
  await underWay(`writing ${output}`, () => onnx.write(output));
  const { config } = model;
  process.stderr.write(
    `${output}: x (batch, ${config.channels}, ${imageSize}, ${imageSize}) → logits (batch, ${config.classes}); ` +
      `x is RGB in [0, 1], less [${normalization.mean.join(', ')}], over [${normalization.std.join(', ')}]\n`,
  );
}

async function writePage(
  folder: string,
  name: string,
  samples: readonly string[],
  resolved: ResolvedWeights,
  values: ReadonlyMap<string, Float32Array>,
): Promise<void> {
  const classes = namesOf(resolved.classes).map(({ name }) => name);
  const { page, all } = await underWay(`writing ${folder}`, () =>
    exportWeb(folder, { ...resolved, name, values, samples, classes }),
  );
  const size = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  process.stderr.write(
    `${folder}: ${size(all)}, of it ${size(page)} without weights, textures and samples; open ${join(folder, 'index.html')} in a browser, or put the folder on any web server\n`,
  );
}
