import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { apgdSearch } from '../../../src/robustness/attacks/apgd-search.ts';
import { fabSearch } from '../../../src/robustness/attacks/fab-search.ts';
import { crossEntropy, targetedDlr } from '../../../src/robustness/attacks/objectives.ts';
import { squareSearch } from '../../../src/robustness/attacks/square.ts';
import { GOLDEN, smoothImages, smoothModel as model } from './smooth.ts';

interface Made {
  readonly x: readonly number[];
  readonly fooled: readonly number[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/robustness/attacks.json', import.meta.url), 'utf8'),
) as Record<'apgd-ce' | 'apgd-t 2' | 'apgd-t 3' | 'square', Made> &
  Record<'fab-t 2' | 'fab-t 3', { readonly change: readonly number[] }>;

const { images, ranked } = smoothImages();
const targetsOf = (rank: number) => ranked.map((classes) => classes[rank]!);
const { elems } = model;
const { eps, seed, steps, queries } = GOLDEN;

/**
 * The same images fool the model; the others end at the same place, but for pixels whose gradient is so near zero that rounding decides on its
 * sign. (Where the model is fooled, the reference goes on.)
 */
function expectMade({ x, fooled }: { x: Float32Array; fooled: Uint8Array }, made: Made): void {
  expect([...fooled]).toEqual(made.fooled);
  expect(new Set(made.fooled).size).toBe(2);
  for (const [image, isFooled] of made.fooled.entries()) {
    if (isFooled === 1) continue;
    const at = image * elems;
    const apart = made.x.slice(at, at + elems).filter((value, i) => Math.abs(value - x[at + i]!) > 1e-6);
    expect(apart.length, `image ${image}`).toBeLessThanOrEqual(1);
  }
}

describe('the reference implementation, from the same starts,', () => {
  const search = (stream: string) => ({ norm: 'linf', eps, steps, seed, stream }) as const;

  it('has the same APGD-CE', async () => {
    expectMade(await apgdSearch(model, images, crossEntropy(images), search('ce')), golden['apgd-ce']);
  });

  it.each([
    ['second', 1, 'apgd-t 2'],
    ['third', 2, 'apgd-t 3'],
  ] as const)('has the same APGD-T towards the %s class', async (stream, rank, name) => {
    const objective = targetedDlr(images.labels, targetsOf(rank));
    expectMade(await apgdSearch(model, images, objective, search(stream)), golden[name]);
  });

  it.each([
    [1, 'fab-t 2'],
    [2, 'fab-t 3'],
  ] as const)('finds as small changes by FAB-T: class of rank %i', async (rank, name) => {
    const fab = { steps, alphaMax: 0.1, eta: 1.05, beta: 0.9 };
    for (const [image, change] of golden[name].change.entries()) {
      const fooledAt = async (radius: number) => {
        const [x, labels] = [images.x.subarray(image * elems, (image + 1) * elems), [images.labels[image]!]];
        const one = { x, labels, numbers: [0] };
        return (await fabSearch(model, one, [targetsOf(rank)[image]!], { ...fab, eps: radius })).fooled[0];
      };
      expect(await fooledAt(change * 1.0001), `image ${image}`).toBe(1);
      expect(await fooledAt(change * 0.9999), `image ${image}`).toBe(0);
    }
  });

  it('has the same Square, with the same squares', async () => {
    const square = { eps, seed, queries, share: 0.8, stream: 'square 0' };
    expectMade(await squareSearch(model, images, square), golden.square);
  });
});
