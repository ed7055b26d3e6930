import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BAR_CORRUPTIONS } from '../../../src/robustness/corruptions/bar.ts';
import { CORRUPTIONS, corrupt, findCorruption } from '../../../src/robustness/corruptions/registry.ts';
import type { Severity } from '../../../src/robustness/corruptions/types.ts';
import { PortableDraws, synth } from './portable.ts';

/** Made by test/golden/robustness/bar.py. */
const golden = JSON.parse(
  readFileSync(new URL('../../golden/robustness/bar.json', import.meta.url), 'utf8'),
) as {
  size: number;
  points_yx: [number, number][];
  cases: { name: string; severity: Severity; mean: number[]; pixels: number[][] }[];
};

describe('corruptions of ImageNet-C-bar', () => {
  it('are ten others than those of ImageNet-C', () => {
    const names = BAR_CORRUPTIONS.map(({ name }) => name);
    expect(names).toEqual([...new Set(golden.cases.map(({ name }) => name))]);
    expect(CORRUPTIONS.filter(({ name }) => names.includes(name))).toEqual([]);
  });

  it.each(golden.cases)(
    '$name $severity: pixels of the reference formulas',
    async ({ name, severity, mean, pixels }) => {
      const { size } = golden;
      const draws = new PortableDraws(900 + severity);
      const { data } = await findCorruption(name).apply(synth(size, size), severity, draws, 'imagenet');
      const found = golden.points_yx.map(([y, x]) => [
        ...data.subarray((y * size + x) * 3, (y * size + x) * 3 + 3),
      ]);
      const differences = found.flat().map((value, i) => Math.abs(value - pixels.flat()[i]!));
      // A value just below a whole number may be truncated to either side of it.
      if (Math.max(...differences) > 1) expect(found).toEqual(pixels);
      expect(differences.filter((d) => d > 0).length).toBeLessThanOrEqual(1);
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let i = c; i < data.length; i += 3) sum += data[i]!;
        expect(Math.abs(sum / size ** 2 - mean[c]!), `mean ${c}`).toBeLessThan(0.01);
      }
    },
  );

  it.each(BAR_CORRUPTIONS.map(({ name }) => name))(
    '%s: other sizes, repeatable, drawn anew for every image',
    async (name) => {
      const wide = synth(33, 47);
      const options = { seed: 3, imageNumber: 7 };
      expect(await corrupt(wide, name, 0, options)).toBe(wide);
      const out = await corrupt(wide, name, 5, options);
      expect([out.width, out.height, out.data.length]).toEqual([47, 33, 47 * 33 * 3]);
      expect((await corrupt(wide, name, 5, options)).data).toEqual(out.data);
      expect((await corrupt(wide, name, 5, { ...options, imageNumber: 8 })).data).not.toEqual(out.data);
      expect((await corrupt(wide, name, 5, { ...options, seed: 4 })).data).not.toEqual(out.data);
    },
  );
});
