/** What a file of weights says of the images that its model takes, as `--set` takes it, beside what it says of the model. */
import { normalization, type Normalization } from '../../data/normalization.ts';
import type { EvalConfig } from '../../data/transform.ts';
import type { TensorFile } from '../../formats/tensor-file.ts';
import type { Model } from '../../models/model.ts';
import { overriddenPaths } from '../../recipe/load.ts';
import { FrameworkError } from '../../util/errors.ts';
import { bareRecipe } from './recipe-model.ts';
import { settingsIn } from './recognise.ts';
import { PIXELS } from './settings.ts';

/** How images reach a model. */
export interface Preprocessed {
  readonly imageSize: number;
  readonly evalConfig: EvalConfig;
  readonly normalization: Normalization;
}

/** What a bare file of `model` needs to be fed as `used` says, where that is not what the model's preset says. */
export function preprocessingSettings(model: Model, used: Preprocessed): string[] {
  const published = model.preprocessing(used.imageSize);
  const settings: string[] = [];
  const note = (key: string, value: unknown, usual: unknown) => {
    const text = JSON.stringify(value);
    if (text !== JSON.stringify(usual)) settings.push(`${key}=${text}`);
  };
  note('data.imageSize', used.imageSize, model.imageSize);
  for (const key of ['resize', 'crop', 'squash', 'interpolation'] as const)
    note(`evaluation.${key}`, used.evalConfig[key], published[key]);
  const { mean, std } = normalization(published.normalization);
  note('data.mean', used.normalization.mean, mean);
  note('data.std', used.normalization.std, std);
  return settings;
}

/** How images reach a recognised model, for people: models of the same entries may want them otherwise, as ViT and DeiT do. */
export function describePreprocessing(
  name: string,
  { imageSize, evalConfig, normalization }: Preprocessed,
): string {
  const { resize, crop, squash, interpolation } = evalConfig;
  const size =
    resize === null ? 'no resize' : `${squash ? 'both sides' : 'short side'} ${resize}, ${interpolation}`;
  const cut = crop === null ? `${imageSize} pixels` : `the middle ${crop}`;
  const triple = (values: readonly number[]) => values.join(' ');
  return `preprocessing of ${name}: ${size}, ${cut}, mean ${triple(normalization.mean)}, std ${triple(normalization.std)}; --set data.mean=…, data.std=…, evaluation.… change it`;
}

/** The sizes of the resize and of the crop belong to an image size. */
const SIZED = ['evaluation.resize', 'evaluation.crop', 'evaluation.squash'];

/**
 * What a file says of its preprocessing, unless the command says it. Anyone may have written it: what no recipe takes is passed over.
 * @param name a model's @param overrides the command's
 */
export async function saidPreprocessing(
  file: Partial<Pick<TensorFile, 'metadata'>>,
  name: string,
  overrides: readonly string[],
): Promise<readonly string[]> {
  const asked = overriddenPaths(overrides);
  const idle = asked.includes('data.imageSize') ? [...asked, ...SIZED] : asked;
  const said = settingsIn(file).filter((setting) => {
    const key = setting.slice(0, setting.indexOf('='));
    return PIXELS.includes(key) && !idle.includes(key);
  });
  try {
    await bareRecipe(name, said);
    return said;
  } catch (error) {
    if (error instanceof FrameworkError) return [];
    throw error;
  }
}
