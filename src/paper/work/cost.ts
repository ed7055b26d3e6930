/** Multiply-adds of what fills the tables, counted without a device: what `plan` and the dry runs count. */
import { specsOf } from '../../graph/graph.ts';
import { recordInference } from '../../models/inference.ts';
import type { Model } from '../../models/model.ts';

const known = new Map<string, number>();

/** Of one image, forward, of what meets the image. */
export function macsOf(model: Model, imageSize: number): number {
  const key = JSON.stringify([model.name, model.config, imageSize]);
  const before = known.get(key);
  if (before !== undefined) return before;
  const { nodes } = recordInference(
    model,
    { batch: 1, channels: model.config.channels, imageSize },
    { plain: true },
  );
  const macs = nodes.reduce(
    (sum, { op, inputs, outputs, attrs }) => sum + op.cost(specsOf(inputs), specsOf(outputs), attrs).liveMacs,
    0,
  );
  known.set(key, macs);
  return macs;
}
