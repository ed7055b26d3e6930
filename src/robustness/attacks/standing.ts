import type { Adversarial, AttackedImages, AttackedModel } from './attack.ts';
import { gather } from './ball.ts';

/** Notes of ensembles: `after <attack>` is 1 where the model is still right after it. */
export const AFTER = 'after ';

/** What one attempt made of the images it was given. */
export interface Attempt {
  readonly x: Float32Array;
  readonly fooled: Uint8Array;
  readonly zeroShare?: Float64Array;
}

/** What all attempts made, and at which of them, from 1 on, an image fooled the model; 0 where none did. */
export interface Attempts extends Adversarial, Attempt {
  readonly turn: Uint8Array;
}

/**
 * One attempt after the other, each only on the images that still stand; an image keeps the first that fools the model, or else what the first
 * attempt made of it.
 */
export async function onStanding(
  { elems }: Pick<AttackedModel, 'elems'>,
  images: AttackedImages,
  attempts: readonly ((images: AttackedImages) => Promise<Attempt>)[],
): Promise<Attempts> {
  const n = images.labels.length;
  const x = images.x.slice();
  const zeroShare = new Float64Array(n);
  const [fooled, turns] = [new Uint8Array(n), new Uint8Array(n)];
  for (const [turn, attempt] of attempts.entries()) {
    const standing = [...fooled.keys()].filter((image) => fooled[image] === 0);
    if (standing.length === 0) break;
    const made = await attempt(someOf(images, standing, elems));
    standing.forEach((image, i) => {
      fooled[image] = made.fooled[i] as number;
      if (made.fooled[i] === 1) turns[image] = turn + 1;
      if (turn === 0) zeroShare[image] = made.zeroShare?.[i] ?? 0;
      if (turn === 0 || made.fooled[i] === 1)
        x.set(made.x.subarray(i * elems, (i + 1) * elems), image * elems);
    });
  }
  return { x, fooled, zeroShare, turn: turns };
}

/** Some of the images. @param list their places */
export function someOf(images: AttackedImages, list: readonly number[], elems: number): AttackedImages {
  const pick = (all: readonly number[]) => list.map((image) => all[image] as number);
  const { targets } = images;
  return {
    x: gather(images.x, list, elems),
    labels: pick(images.labels),
    numbers: pick(images.numbers),
    ...(targets && { targets: pick(targets) }),
  };
}
