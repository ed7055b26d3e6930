import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NORMALIZATIONS } from '../../../src/data/normalization.ts';
import { toTensor } from '../../../src/data/transform.ts';
import { patchOf } from '../../../src/robustness/analyses/occlusion.ts';
import { attentionOf, cumulativeShares, massMask } from '../../../src/models/saliency.ts';
import { blackened } from '../../../src/robustness/analyses/occlusion-pictures.ts';
import { changeInput } from '../../../src/robustness/inputs/change.ts';
import {
  droppedPatches,
  patchesAcross,
  salientPatches,
  type PatchDrop,
} from '../../../src/robustness/inputs/patches.ts';
import { Rng } from '../../../src/util/rng.ts';

const { mean, std } = NORMALIZATIONS.imagenet;
const image = { mean, std, imageSize: 32, number: 3 };
const random = (count: number, more = {}): PatchDrop => ({
  kind: 'patches',
  patch: 4,
  fill: 'zero',
  choice: { kind: 'random', count, seed: 0, repetition: 0, group: 1, ...more },
});
const picture = () => Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => Math.sin(i));

describe('random patches', () => {
  it('are black as a black image is after normalisation, to the bit, and nothing else changes', () => {
    const black = new Float32Array(3 * 32 * 32);
    toTensor({ width: 32, height: 32, data: new Uint8Array(3 * 32 * 32) }, mean, std, black);
    const [before, x] = [picture(), picture()];
    changeInput(x, random(16), image);
    const dropped = droppedPatches(random(16), 3, 64);
    expect(dropped.reduce((sum, each) => sum + each, 0)).toBe(16);
    for (let i = 0; i < x.length; i++) {
      const cell = 8 * Math.floor((Math.floor(i / 32) % 32) / 4) + Math.floor((i % 32) / 4);
      expect(x[i]).toBe(dropped[cell] === 1 ? black[i] : before[i]);
    }
    changeInput(x, random(64), image);
    expect(x).toEqual(black);
  });

  it('are black in pictures where they are in the input', () => {
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => 1 + (i % 250));
    const black = blackened({ width: 32, height: 32, data }, random(16), 3);
    const x = new Float32Array(3 * 32 * 32);
    toTensor({ width: 32, height: 32, data }, mean, std, x);
    changeInput(x, random(16), image);
    const shown = new Float32Array(3 * 32 * 32);
    toTensor(black, mean, std, shown);
    expect(shown).toEqual(x);
  });

  it('of none change nothing; patterns grow, differ between images and repetitions, and are shared in a group', () => {
    const x = picture();
    changeInput(x, random(0), image);
    expect(x).toEqual(picture());
    const cells = (change: PatchDrop, number: number) => droppedPatches(change, number, 64);
    expect(cells(random(20), 5).every((each, i) => cells(random(40), 5)[i]! >= each)).toBe(true);
    expect(cells(random(20), 5)).not.toEqual(cells(random(20), 6));
    expect(cells(random(20), 5)).not.toEqual(cells(random(20, { repetition: 1 }), 5));
    const shared = random(20, { group: 256 });
    expect(cells(shared, 0)).toEqual(cells(shared, 255));
    expect(cells(shared, 0)).not.toEqual(cells(shared, 256));
  });

  it('must divide the image', () => {
    const sizes = [224, 384, 299, 112, 64, 32, 28, 7];
    expect(sizes.map((side) => patchOf({ patch: 'auto' }, side))).toEqual([16, 16, 13, 16, 8, 4, 2, 1]);
    expect(patchesAcross(224, 16)).toBe(14);
    expect(() => patchesAcross(32, 5)).toThrow('images of 32 px cannot be cut into patches of 5 px');
  });
});

describe('salient patches', () => {
  it('without the one at the boundary hold at most the share', () => {
    const attention = Float32Array.of(0.1, 0.2, 0.3, 0.4);
    const shares = cumulativeShares(attention);
    const dropped = (kind: 'salient' | 'background', share: number) => [
      ...salientPatches(shares, { kind, share, boundary: 'exclude' }),
    ];
    expect(dropped('salient', 0.5)).toEqual([0, 0, 0, 1]);
    expect(dropped('background', 0.5)).toEqual([1, 1, 1, 0]);
    expect([0, 0.3, 0.75, 1].map((share) => dropped('salient', share))).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 1, 1],
      [1, 1, 1, 1],
    ]);
  });

  it('may be those of the mean over heads', () => {
    const data = Float32Array.of(0.1, 0.7, 0.2, 0.5, 0.1, 0.4);
    const attention = { n: 1, heads: 2, patches: 3, data };
    expect([...attentionOf(attention, 0, 1)]).toEqual([...data.subarray(3)]);
    attentionOf(attention, 0, 'mean').forEach((v, i) => expect(v).toBeCloseTo([0.3, 0.4, 0.3][i]!, 6));
  });

  it('hold at least the share; the background at 1 − share is their complement; ends drop nothing and everything', () => {
    const shares = cumulativeShares(Float32Array.of(0.1, 0.2, 0.3, 0.4));
    expect([...salientPatches(shares, { boundary: 'include', kind: 'salient', share: 0.5 })]).toEqual([
      0, 0, 1, 1,
    ]);
    const rng = new Rng(1, 'attention');
    const attention = Float32Array.from({ length: 196 }, () => rng.uniform() ** 4);
    const many = cumulativeShares(attention);
    for (const share of [0, 0.1, 0.25, 0.3, 0.5, 0.9, 1]) {
      const salient = salientPatches(many, { boundary: 'include', kind: 'salient', share });
      expect(salient).toEqual(massMask(attention, share));
      const background = salientPatches(many, { boundary: 'include', kind: 'background', share: 1 - share });
      expect(background).toEqual(salient.map((each) => 1 - each));
    }
    // Patches without any saliency, as masks of objects have, are dropped with everything and kept with nothing.
    const mask = cumulativeShares(Float32Array.of(0, 1, 0, 3));
    for (const row of [many, mask])
      for (const boundary of ['include', 'exclude'] as const)
        for (const kind of ['salient', 'background'] as const) {
          expect(salientPatches(row, { boundary, kind, share: 0 })).not.toContain(1);
          expect(salientPatches(row, { boundary, kind, share: 1 })).not.toContain(0);
        }
    expect(massMask(Float32Array.of(0, 1), 1)).toEqual(Uint8Array.of(1, 1));
  });

  it('come from the row of the image in a file, which must be long enough', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'largekernel-')), 'saliency.f32');
    writeFileSync(file, Float32Array.of(0.1, 0.3, 0.6, 1, 1, 0.1, 0.3, 0.6));
    const change = {
      ...random(0),
      choice: { kind: 'salient', share: 0.4, boundary: 'include', file },
    } as const;
    expect([...droppedPatches(change, 1, 4)]).toEqual([1, 0, 0, 0]);
    expect(() => droppedPatches(change, 2, 4)).toThrow(/holds 8 values; image 2 needs 4 of its own/);
    const empty = `${file}-empty`;
    writeFileSync(empty, cumulativeShares(new Float32Array(4)));
    const ofNone = { ...change, choice: { ...change.choice, file: empty } };
    expect(() => droppedPatches(ofNone, 0, 4)).toThrow(
      /saliency of image 0 has no shares: its values are all zero/,
    );
    const wide = `${file}-wide`;
    writeFileSync(
      wide,
      Float32Array.from({ length: 4 * 64 }, (_, i) => 1 + (i % 64)),
    );
    const [all, black] = [picture(), picture()];
    changeInput(all, { ...change, choice: { ...change.choice, share: 1, file: wide } }, image);
    changeInput(black, random(64), image);
    expect(all).toEqual(black);
  });
});
