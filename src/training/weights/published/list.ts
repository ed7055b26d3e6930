/** Public checkpoints of the families, by name: `convnext-t@official`. `largekernel weights` prints them. */
import { FrameworkError, nearest } from '../../../util/errors.ts';
import { existsNow } from '../../../util/files.ts';
import {
  ALIGNED,
  BITS,
  CONVNEXTS,
  REPLKNETS,
  ROBUST_RESNETS,
  SLAKS,
  TIMMS,
  TORCHVISIONS,
} from './convnets.ts';
import type { PublishedWeights } from './record.ts';
import { DEITS, DINOS, VITS } from './transformers.ts';

export const PUBLISHED: readonly PublishedWeights[] = [
  ...[
    ...CONVNEXTS,
    ...TIMMS,
    ...TORCHVISIONS,
    ...REPLKNETS,
    ...SLAKS,
    ...ROBUST_RESNETS,
    ...ALIGNED,
    ...BITS,
  ],
  ...[...VITS, ...DEITS, ...DINOS],
].sort((a, b) => (a.name < b.name ? -1 : 1));

/**
 * The published weights that the name of a checkpoint stands for; undefined where it is a path. A file of that name goes before.
 * @throws FrameworkError `checkpoint/unknown-name` for a name that none has
 */
export function publishedAs(checkpoint: string): PublishedWeights | undefined {
  if (!/^[\w.-]+@[\w.-]+$/.test(checkpoint) || existsNow(checkpoint)) return undefined;
  const found = PUBLISHED.find(({ name }) => name === checkpoint);
  if (found !== undefined) return found;
  const [model = ''] = checkpoint.split('@');
  const own = PUBLISHED.filter((weights) => weights.model === model).map(({ name }) => name);
  const near = nearest(
    checkpoint,
    PUBLISHED.map(({ name }) => name),
  );
  throw new FrameworkError(
    'checkpoint/unknown-name',
    `There is no file ${checkpoint}, and no published weights are known by that name.`,
    {
      hint:
        own.length > 0
          ? `Of ${model} there are ${own.join(', ')}.`
          : `${near === undefined ? '' : `Did you mean ${near}? `}\`largekernel weights\` lists them.`,
    },
  );
}
