import { join } from 'node:path';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { createModel } from '../../src/models/registry.ts';
import { initialise } from '../../src/nn/parameters.ts';

/** Options that name the tiny model, in a recipe's terms. */
const MODEL = ['depths=[1]', 'dims=[4]', 'kernels=[5]', 'stemStride=4'];

/** Writes the initial weights of a ConvNeXt of one block; the arguments that name it. */
export async function tinyModel(
  folder: string,
  classes: number,
  imageSize: number,
  adapter: string,
): Promise<string[]> {
  const config = { classes, depths: [1], dims: [4], kernels: [5], stemPatch: 4, stemStride: 4 };
  const model = createModel('convnext-custom', { ...config, headInitScale: 100 });
  const values = initialise(model.parameters, 3);
  const file = join(folder, `tiny-${classes}.safetensors`);
  await writeSafetensors(
    file,
    model.parameters.map(({ name, shape }) => ({ name, shape, dtype: 'F32', data: values.get(name)! })),
  );
  const sizes = ['data.imageSize', 'evaluation.resize', 'evaluation.crop'].map(
    (key) => `${key}=${imageSize}`,
  );
  const settings = [...MODEL.map((text) => `model.${text}`), ...sizes];
  return [
    '--checkpoint', file, '--model', 'convnext-custom', '--adapter', adapter, '--batch', '4',
    ...settings.flatMap((text) => ['--set', text]),
  ]; // prettier-ignore
}
