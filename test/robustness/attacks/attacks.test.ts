import { afterAll, describe, expect, it } from 'vitest';
import { findAttack } from '../../../src/robustness/attacks/registry.ts';
import {
  above,
  ballAround,
  below,
  distance2,
  distanceMax,
  project,
  randomStart,
  zeroShares,
} from '../../../src/robustness/attacks/ball.ts';
import { toBoundary } from '../../../src/robustness/attacks/fab-search.ts';
import { crossEntropy, isFooled, targetedDlr } from '../../../src/robustness/attacks/objectives.ts';
import { squareSide } from '../../../src/robustness/attacks/square.ts';
import type { Attack, AttackedImages, Objective } from '../../../src/robustness/attacks/attack.ts';
import { Rng } from '../../../src/util/rng.ts';
import { distanceTo, imagesOf, linearModel } from './linear.ts';
import { smoothImages, smoothModel } from './smooth.ts';

function usual({ settings }: Attack, given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(settings).map(([key, { default: value }]) => [key, value])),
    ...given,
  };
}

const model = linearModel(5);
const images = await imagesOf(model, 6);
const { elems } = model;
const before = images.x.slice();
afterAll(() => {
  expect(images.x).toEqual(before); // no attack changes what it is given
});
const rowOf = (x: Float32Array, i: number) => x.subarray(i * elems, (i + 1) * elems);

async function fooledBy(
  id: string,
  given: Record<string, unknown>,
  eps: number,
  some: AttackedImages = images,
) {
  const attack = findAttack(id);
  const { x } = await attack.run(model, some, { eps, seed: 0 }, usual(attack, given));
  const z = await model.logits(x);
  const fooled = some.labels.map((_, i) => isFooled(z.subarray(i * 5, (i + 1) * 5), i, some));
  return { x, fooled };
}

describe('a ball', () => {
  it('holds no f32 that is farther away than ε', () => {
    const rng = new Rng(3, 'ball');
    const x = Float32Array.from({ length: elems }, () => rng.uniform());
    for (const eps of [0.001, 8 / 255, 0.3]) {
      const ball = ballAround(x, eps, 'linf', model);
      const z = randomStart(ball, { seed: 1, stream: 's', numbers: [0] }, 'edge');
      for (let i = 0; i < elems; i++) {
        expect(ball.upper[i]! - x[i]!).toBeLessThanOrEqual(eps);
        expect(x[i]! - ball.lower[i]!).toBeLessThanOrEqual(eps);
        expect(Math.abs(z[i]! - x[i]!)).toBeLessThanOrEqual(eps);
      }
      expect(distanceMax(z, x, 0, elems)).toBeGreaterThan(0);
      const far = x.map((value) => value + 1);
      const round = ballAround(x, eps, 'l2', { ...model, bounds: [-9, 9] });
      project(far, round);
      expect(distance2(far, x, 0, elems)).toBeGreaterThan(0.999 * eps);
      expect(distance2(far, x, 0, elems)).toBeLessThanOrEqual(eps);
    }
    expect([below(0.1), above(0.1)].map((value) => Math.sign(value - 0.1))).toEqual([-1, 1]);
    expect([below(0.5), above(0.5)]).toEqual([0.5, 0.5]);
  });
});

describe('objectives', () => {
  const slopes = (objective: Objective, z: number[], image: number) => {
    const at = (values: number[]) => objective(Float32Array.from(values), new Float32Array(z.length), image);
    return z.map((_, k) => {
      const moved = (by: number) => at(z.map((value, j) => (j === k ? value + by : value)));
      return (moved(1e-2) - moved(-1e-2)) / 2e-2;
    });
  };
  const z = [1.5, -0.25, 0.75, 2.25, -1];
  it.each([
    ['cross-entropy', crossEntropy({ labels: [2] })],
    ['cross-entropy with a target', crossEntropy({ labels: [2], targets: [1] })],
    ['targeted DLR', targetedDlr([3], [0])],
    ['targeted DLR of another order', targetedDlr([1], [2])],
  ] as const)('%s has the slopes of central differences', (_, objective) => {
    const dz = new Float32Array(z.length);
    objective(Float32Array.from(z), dz, 0);
    slopes(objective, z, 0).forEach((slope, k) => expect(dz[k]).toBeCloseTo(slope, 3));
  });

  it('DLR is that of the paper', () => {
    const value = targetedDlr([3], [0])(Float32Array.from(z), new Float32Array(5), 0);
    expect(value).toBeCloseTo(-(2.25 - 1.5) / (2.25 - (0.75 - 0.25) / 2), 6);
  });
});

describe('attacks on a linear model', () => {
  it('FGSM is one step along the sign', async () => {
    const { x } = await fooledBy('fgsm', {}, 0.01);
    const { dx } = await model.gradient(images.x, crossEntropy(images));
    x.forEach((value, i) => expect(value).toBeCloseTo(images.x[i]! + 0.01 * Math.sign(dx[i]!), 6));
  });

  // The cross-entropy and the DLR loss lead to the nearest boundary or to some other; the best target is found among all.
  it.each([
    ['apgd-t', { steps: 30, classes: 4 }, 'linf'],
    ['apgd-t', { steps: 60, classes: 4, norm: 'l2' }, 'l2'],
    ['fab-t', { steps: 10, classes: 4 }, 'linf'],
    ['autoattack', { steps: 30, classes: 4, queries: 5 }, 'linf'],
  ] as const)('%s %o fools it just beyond its distance, and never within', async (id, given, norm) => {
    for (let i = 0; i < 3; i++) {
      const far = distanceTo(model, rowOf(images.x, i), images.labels[i]!, norm);
      const one = { x: rowOf(images.x, i), labels: [images.labels[i]!], numbers: [i] };
      expect((await fooledBy(id, given, far * 0.98, one)).fooled).toEqual([false]);
      expect((await fooledBy(id, given, far * 1.02, one)).fooled).toEqual([true]);
    }
  });

  it.each([
    ['pgd', { steps: 20 }],
    ['pgd', { steps: 20, randomStart: true, restarts: 2 }],
    ['pgd', { steps: 20, norm: 'l2' }],
    ['mifgsm', {}],
    ['apgd-ce', { steps: 20 }],
    ['square', { queries: 200 }],
    ['taig-s', { steps: 20, stepSize: 0.01, samples: 4 }],
    ['taig-r', { steps: 20, stepSize: 0.01, samples: 4 }],
  ] as const)('%s %o fools it within reach, and stays in the ball', async (id, given) => {
    const norm = 'norm' in given ? given.norm : 'linf';
    const far = Math.max(
      ...images.labels.map((label, i) => distanceTo(model, rowOf(images.x, i), label, norm)),
    );
    const eps = 2 * far;
    const { x, fooled } = await fooledBy(id, given, eps);
    // Of noisy points some gradients lead astray.
    expect(fooled.filter(Boolean).length).toBeGreaterThanOrEqual(id === 'taig-r' ? 4 : 6);
    for (let i = 0; i < 6; i++)
      if (norm === 'linf') expect(distanceMax(x, images.x, i * elems, elems)).toBeLessThanOrEqual(eps);
      else expect(distance2(x, images.x, i * elems, elems)).toBeLessThanOrEqual(eps);
    x.forEach((value) => expect(value >= 0 && value <= 1).toBe(true));
  });

  it.each(['fgsm', 'pgd', 'mifgsm', 'apgd-ce', 'taig-r'])('%s leads to a chosen class', async (id) => {
    const targets = images.labels.map((label) => (label + 1) % 5);
    const given =
      id === 'fgsm' ? {} : id === 'taig-r' ? { steps: 40, stepSize: 0.01, samples: 3 } : { steps: 40 };
    const { fooled } = await fooledBy(id, given, 0.3, { ...images, targets });
    expect(fooled.filter(Boolean).length).toBeGreaterThanOrEqual(id === 'fgsm' ? 3 : 6);
  });

  it.each(['pgd', 'apgd-ce', 'apgd-t', 'square', 'taig-r'])(
    'of %s an image gives the same bits whatever images are beside it',
    async (id) => {
      const given = {
        steps: 4,
        queries: 20,
        samples: 2,
        classes: 2,
        ...(id === 'pgd' && { randomStart: true }),
      };
      const together = await fooledBy(id, given, 0.05);
      const alone = { x: rowOf(images.x, 4), labels: [images.labels[4]!], numbers: [4] };
      expect((await fooledBy(id, given, 0.05, alone)).x).toEqual(rowOf(together.x, 4).slice());
    },
  );

  it('AutoAttack tells what stands after each of its attacks', async () => {
    const attack = findAttack('autoattack');
    const far = images.labels.map((label, i) => distanceTo(model, rowOf(images.x, i), label, 'linf'));
    const eps = 1.02 * far.toSorted((a, b) => a - b)[3]!;
    const settings = usual(attack, { steps: 30, classes: 4, queries: 5 });
    const { notes } = await attack.run(model, images, { eps, seed: 0 }, settings);
    const standing = Object.entries(notes!).map(([name, each]) => [
      name,
      each.reduce((sum, v) => sum + v, 0),
    ]);
    expect(standing.map(([name]) => name)).toEqual([
      'after apgd-ce',
      'after apgd-t',
      'after fab-t',
      'after square',
    ]);
    expect(standing[0]![1]).toBeGreaterThanOrEqual(2);
    expect(standing.slice(1).map(([, count]) => count)).toEqual([2, 2, 2]);
    expect([...notes!['after square']!]).toEqual(far.map((distance) => Number(distance > eps)));
  });

  it('Square sees no gradient', async () => {
    const blind = linearModel(5, { gradients: false });
    const attack = findAttack('square');
    const { x } = await attack.run(blind, images, { eps: 0.05, seed: 0 }, usual(attack, { queries: 20 }));
    expect(distanceMax(x, images.x, 0, elems)).toBeGreaterThan(0);
    // 0.8 of 32 × 32 pixels; after 8,000 queries 0.8/512 of them.
    expect([squareSide(0, 0.8, 32), squareSide(11, 0.8, 32), squareSide(8001, 0.8, 224)]).toEqual([
      29, 20, 9,
    ]);
  });

  it('a gradient of zeros is told', async () => {
    const flat = linearModel(5, { scale: 0 });
    for (const id of ['fgsm', 'pgd', 'mifgsm', 'apgd-ce']) {
      const attack = findAttack(id);
      const { zeroShare } = await attack.run(
        flat,
        images,
        { eps: 0.1, seed: 0 },
        usual(attack, { steps: 2 }),
      );
      expect([...zeroShare!]).toEqual([1, 1, 1, 1, 1, 1]);
    }
    expect([...zeroShares([0, 2, 0, 0, 1, -1, 3, 0], 4)]).toEqual([0.75, 0.25]);
  });
});

describe('attacks on a smooth model', () => {
  it('are the stronger the more they see and the longer they climb', async () => {
    const { images: some } = smoothImages(12);
    const budget = { eps: 0.02, seed: 0 };
    const lossOf = async (x: Float32Array) => {
      const { values } = await smoothModel.gradient(x, crossEntropy(some));
      return values.reduce((sum, value) => sum + value, 0);
    };
    const after = async (id: string, given = {}) => {
      const attack = findAttack(id);
      return lossOf((await attack.run(smoothModel, some, budget, usual(attack, given))).x);
    };
    const ball = ballAround(some.x, budget.eps, 'linf', smoothModel);
    const draw = { seed: 0, stream: 'noise', numbers: some.numbers };
    const losses = [
      await lossOf(randomStart(ball, draw, 'edge')),
      await after('square', { queries: 50 }),
      ...(await Promise.all([2, 4, 8, 16].map((steps) => after('pgd', { steps })))),
    ];
    expect(losses).toEqual(losses.toSorted((a, b) => a - b));
    const [fgsm, pgd] = [await after('fgsm'), losses.at(-1)!];
    expect(fgsm).toBeGreaterThan(losses[1]!);
    expect(pgd).toBeGreaterThan(fgsm);
  });
});

describe('TAIG', () => {
  it.each([1, 7, 20])(
    'of %i samples moves against the sign of image times weight, by its step, and attributions are complete',
    async (samples) => {
      const attack = findAttack('taig-s');
      const { x, notes } = await attack.run(
        model,
        images,
        { eps: 0.1, seed: 0 },
        usual(attack, { steps: 1, samples }),
      );
      for (let i = 0; i < 6; i++)
        for (let j = 0; j < elems; j++) {
          const w = model.w[images.labels[i]!]![j]!;
          expect(x[i * elems + j]! - images.x[i * elems + j]!).toBeCloseTo(-Math.sign(w) / 255, 6);
        }
      notes!['completeness']!.forEach((missed) => expect(missed).toBeLessThan(1e-5));
    },
  );
});

describe('the way to a hyperplane within bounds', () => {
  it('is the shortest in l∞, as found by bisection', () => {
    const rng = new Rng(5, 'hyperplane');
    for (let trial = 0; trial < 20; trial++) {
      const x = Float32Array.from({ length: 12 }, () => rng.uniform());
      const w = Float32Array.from({ length: 12 }, () => (rng.chance(0.2) ? 0 : rng.normal()));
      const value = rng.normal() * 2;
      const { length, change } = toBoundary(x, w, value, [0, 1]);
      const valueAt = (lambda: number) =>
        w.reduce((sum, slope, i) => {
          const to = x[i]! - Math.sign(slope) * Math.sign(value) * lambda;
          return sum + slope * (Math.min(1, Math.max(0, to)) - x[i]!);
        }, value);
      const reaches = Math.sign(valueAt(1)) !== Math.sign(value);
      let [low, high] = [0, 1];
      for (let i = 0; i < 60; i++) {
        const middle = (low + high) / 2;
        if (Math.sign(valueAt(middle)) === Math.sign(value)) low = middle;
        else high = middle;
      }
      if (reaches) {
        expect(length).toBeCloseTo(high, 6);
        expect(w.reduce((sum, slope, i) => sum + slope * change(i), value)).toBeCloseTo(0, 5);
      } else
        w.forEach((slope, i) =>
          expect(x[i]! + change(i)).toBeCloseTo(slope === 0 ? x[i]! : slope * value < 0 ? 1 : 0, 6),
        );
    }
  });
});
