import type { Tensor } from '../graph/graph.ts';
import type { Recording } from '../nn/recording.ts';
import { defineFamily } from './family.ts';
import { evaluationAt, type Model } from './model.ts';
import type { CommonConfig } from './options.ts';

/**
 * Your own model, from a function that records it.
 * @param name the model's name in messages
 * @param config channels of the image and number of classes
 * @param record records the model on images x (n, channels, h, w) and returns logits (n, classes); it is called once for each graph
 * @throws FrameworkError `graph/shape` where a layer does not fit its input
 * @example
 * const model = defineModel('linear', { channels: 1, classes: 10 }, (r, x) => linear(r, 'head', globalAveragePool(r, x), 10));
 */
export function defineModel(
  name: string,
  config: CommonConfig,
  record: (r: Recording, x: Tensor) => Tensor,
): Model {
  return defineFamily<CommonConfig>({
    name,
    presets: { [name]: config },
    options: {},
    conflict: () => undefined,
    record: (r, x) => record(r, x),
    blocks: () => [],
    head: 'head',
    layerDecay: { groups: () => 1, groupOf: () => 0 },
    imageSize: () => 224,
    preprocessing: (_, size) => evaluationAt(size),
  }).create(name, {});
}
