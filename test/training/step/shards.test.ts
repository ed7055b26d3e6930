import { describe, expect, it } from 'vitest';
import { layoutFlat } from '../../../src/execution/store.ts';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { mixGroupOf } from '../../../src/training/data.ts';
import type { Plan } from '../../../src/execution/plan.ts';
import { bucketsOf, halvesOf, stretchesOf } from '../../../src/training/step/buckets.ts';
import { scratchFolder, tinyRecipe } from '../tiny.ts';

describe('the shards of a batch', () => {
  const recipe = async (shards: number) =>
    (await loadRecipe(tinyRecipe(scratchFolder()), [`batch.shards=${shards}`])).recipe;

  it('hold whole mix groups', async () => {
    expect(mixGroupOf(await recipe(1))).toBe(8);
    expect(mixGroupOf(await recipe(2))).toBe(8);
    expect(mixGroupOf(await recipe(8))).toBe(2);
  });

  it.each([3, 32])('are a power of two that divides it: not %i of 16 images', async (shards) => {
    const cut = await recipe(shards);
    expect(() => mixGroupOf(cut)).toThrow(
      `batch.shards is ${shards}, batch.size 16: a batch is cut into a power of two of equal parts.`,
    );
  });
});

describe('buckets of a gradient', () => {
  const layout = layoutFlat(
    [
      { name: 'a', shape: [1000], group: 'decay' },
      { name: 'b', shape: [700], group: 'decay' },
      { name: 'c', shape: [5], group: 'none' },
    ],
    4 * 1024,
  );

  it('cover every chunk once, and begin where a binding can', () => {
    for (const most of [64, 300, 1e6]) {
      const buckets = bucketsOf(layout, most);
      layout.chunks.forEach((elems, chunk) => {
        let next = 0;
        for (const bucket of buckets.filter((one) => one.chunk === chunk)) {
          expect(bucket.offset).toBe(next);
          expect(bucket.offset % 64).toBe(0);
          expect(bucket.elems).toBeGreaterThan(0);
          next += bucket.elems;
        }
        expect(next).toBe(elems);
      });
    }
  });

  it('are whole after the last dispatch that adds to them, in the order of the backward pass', () => {
    const step = (member: string | undefined, dispatches: number, store = 'gradient') => ({
      node: { outputs: { out: member === undefined ? {} : { stored: { store, member } } } },
      dispatches: new Array<object>(dispatches).fill({}),
    });
    const steps = [
      step(undefined, 2),
      step('c', 1),
      step('b', 3),
      step('c', 1),
      step('a', 2),
      step('b', 1, 'state'),
    ];
    const plan = { steps } as unknown as Plan;
    // a and b lie in different chunks, c behind b.
    const buckets = bucketsOf(layout, 1e6);
    expect(layout.slices.get('c')!.chunk).toBe(layout.slices.get('b')!.chunk);
    expect(stretchesOf(plan, layout, buckets)).toEqual([
      { from: 0, to: 7, buckets: [1] },
      { from: 7, to: 9, buckets: [0] },
      { from: 9, to: 10, buckets: [] },
    ]);
    const small = stretchesOf(plan, layout, bucketsOf(layout, 128));
    expect(small.flatMap((stretch) => stretch.buckets).sort((x, y) => x - y)).toEqual([
      ...bucketsOf(layout, 128).keys(),
    ]);
    // The end of b is whole before its neighbour c is, in another bucket.
    expect(small[0]).toMatchObject({ from: 0, to: 6 });
  });

  it('have halves, of which the second may be empty', () => {
    expect(halvesOf({ chunk: 0, offset: 128, elems: 320 })).toEqual([
      { chunk: 0, offset: 128, elems: 192 },
      { chunk: 0, offset: 320, elems: 128 },
    ]);
    expect(halvesOf({ chunk: 0, offset: 0, elems: 64 })[1]).toEqual({ chunk: 0, offset: 64, elems: 0 });
  });
});
