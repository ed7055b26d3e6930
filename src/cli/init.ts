import { InvalidArgumentError, type Command } from 'commander';
import { basename, join, resolve } from 'node:path';
import { lookAt } from '../data/look-at.ts';
import { LEAST_SIZE, propose } from '../recipe/propose.ts';
import { say, underWay } from './say.ts';
import { FrameworkError } from '../util/errors.ts';
import { existsNow, writeFileAtomic } from '../util/files.ts';

/** `largekernel init ./photos`: a recipe and a sweep for images of one's own. */
export function addInit(command: Command): void {
  command
    .argument(
      '<folder>',
      'train/<class>/… and val/<class>/…, or <class>/…, of which a tenth is then held out',
    )
    .option('--out <folder>', 'where the two files go', '.')
    .option(
      '--image-size <pixels>',
      'side of the images as the model sees them (default: what suits them; 64 where a processor computes)',
      imageSizeOf,
    )
    .action(init);
}

/** Validation images, of which one is a point of accuracy or more. */
const FEW = 100;

function imageSizeOf(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= LEAST_SIZE && value <= 1024) return value;
  throw new InvalidArgumentError(`a whole number from ${LEAST_SIZE} to 1024 is wanted.`);
}

async function init(
  folder: string,
  { out, imageSize }: { readonly out: string; readonly imageSize?: number },
): Promise<void> {
  const name = basename(resolve(folder)).replace(/[^\w-]+/g, '-');
  const [recipe, sweep] = [join(out, `${name}.yaml`), join(out, `${name}-kernels.yaml`)];
  for (const file of [recipe, sweep])
    if (existsNow(file))
      throw new FrameworkError('cli/exists', `${file} is there already; it is not overwritten.`, {
        hint: 'Move it away, or choose another --out.',
      });
  const look = await underWay('looking at the images', () => lookAt(folder, say));
  if (look.validation < FEW)
    say(
      `${look.validation} validation images: each is ${(100 / look.validation).toFixed(1)} points of top-1, so small differences are noise`,
    );
  const proposal = propose({ name, ...look, imageSize });
  await writeFileAtomic(recipe, proposal.recipe);
  await writeFileAtomic(sweep, proposal.sweep);
  const [from, all] = [recipe, sweep].map((file) => (file.startsWith('/') ? file : `./${file}`));
  process.stdout.write(
    `${look.training.toLocaleString('en')} training and ${look.validation.toLocaleString('en')} validation images of ${look.classes} classes (${look.classNames}), about ${look.side} pixels\n` +
      `${recipe}: a small ConvNeXt at ${proposal.imageSize} pixels, batches of ${proposal.batch}, ${proposal.epochs} epochs\n` +
      `${sweep}: the same with three kernel sizes and three seeds\n\n` +
      `next:  npx largekernel train --recipe ${from} --dry-run   (tries everything, trains nothing)\n` +
      `       npx largekernel train --recipe ${from}\n` +
      `       npx largekernel ablate ${all}\n`,
  );
}
