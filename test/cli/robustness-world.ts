import { tinyModel } from '../campaigns/tiny-model.ts';
import { adapters } from '../ops/harness.ts';

/** Writes the initial weights of a tiny ConvNeXt; the arguments that evaluate it. */
export async function tinyWeights(folder: string, classes: number, imageSize: number): Promise<string[]> {
  return ['evaluate', ...(await tinyModel(folder, classes, imageSize, adapters[0] ?? 'auto'))];
}
