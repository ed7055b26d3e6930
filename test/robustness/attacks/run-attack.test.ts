import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AdversarialSet } from '../../../src/robustness/attacks/adversarial-set.ts';
import { attackWarnings } from '../../../src/robustness/attacks/attack-scoring.ts';
import { findAttack } from '../../../src/robustness/attacks/registry.ts';
import { runAttack, type AttackRequest } from '../../../src/robustness/attacks/run-attack.ts';
import { savedAttack, savedRequest } from '../../../src/robustness/attacks/saved.ts';
import type { BenchmarkResult } from '../../../src/robustness/benchmarks/evaluation/result.ts';
import { initialise } from '../../../src/nn/parameters.ts';
import { adapters } from '../../ops/harness.ts';
import { tinyContext, tinyModel } from '../analyses/world.ts';

const kind = adapters[0]!;
const root = mkdtempSync(join(tmpdir(), 'largekernel-attacks-'));

function request(
  id: string,
  given: Record<string, unknown> = {},
  more: Partial<AttackRequest> = {},
): AttackRequest {
  const attack = findAttack(id);
  const settings = Object.fromEntries(
    Object.entries(attack.settings).map(([key, { default: usual }]) => [key, usual]),
  );
  return {
    ...{
      attack,
      settings: { ...settings, ...given },
      epsilons: [0, 0.01, 0.1],
      seed: 0,
      space: 'pixel',
      aim: 'any',
    },
    ...{ eightBit: false, save: undefined },
    ...more,
  };
}

const points = ({ curves }: BenchmarkResult) => curves![0]!.points.map(({ attack }) => attack!);

describe.skipIf(adapters.length === 0)('an attack', () => {
  const shared = tinyContext(kind, tinyModel(1), 8);
  const pgd = request('pgd', { steps: 3, randomStart: true });

  it('changes nothing at ε = 0 and gets no weaker beyond', async () => {
    const result = await runAttack((await shared)(), pgd);
    const found = points(result);
    expect(result.metrics.map(({ label, value }) => [label, value])).toEqual([
      ['top-1, unchanged images', 100 * found[0]!.accuracy],
      ['top-1, ε 0.01', 100 * found[1]!.accuracy],
      ['top-1, ε 0.1', 100 * found[2]!.accuracy],
    ]);
    expect(found.map(({ eps, total }) => [eps, total])).toEqual([
      [0, 8],
      [0.01, 8],
      [0.1, 8],
    ]);
    expect(found[0]!.correct).toBe(found[0]!.cleanCorrect);
    expect(found[0]!.linf).toBe(0);
    for (const { eps, linf, correct, cleanCorrect, flipped } of found) {
      expect(linf).toBeLessThanOrEqual(eps);
      expect(correct).toBeGreaterThanOrEqual(cleanCorrect - flipped);
    }
    expect(found[2]!.correct).toBeLessThanOrEqual(found[0]!.correct);
    expect(attackWarnings(found)).toEqual([]);
  });

  it('goes on where it was stopped, and does not depend on batches, with the same bytes', async () => {
    const context = await shared;
    const [whole, parted] = [join(root, 'whole'), join(root, 'parted')];
    const run = (folder: string, batch: number) =>
      runAttack({ ...context(folder), batch }, { ...pgd, save: join(folder, 'images') });
    await run(whole, 4);
    await run(parted, 3);
    const bytes = (folder: string, ...names: string[]) => readFileSync(join(folder, ...names));
    expect(bytes(parted, 'result.json')).toEqual(bytes(whole, 'result.json'));
    for (const name of readdirSync(join(whole, 'images', 'eps-0.1')))
      expect(bytes(parted, 'images', 'eps-0.1', name)).toEqual(bytes(whole, 'images', 'eps-0.1', name));
    rmSync(join(parted, 'units', '00002.json'));
    rmSync(join(parted, 'result.json'));
    await run(parted, 4);
    expect(bytes(parted, 'result.json')).toEqual(bytes(whole, 'result.json'));
  });

  it('keeps images that give the same counts again, and can be tried on another model', async () => {
    const context = await shared;
    const folder = join(root, 'kept');
    const made = await runAttack(context(), { ...pgd, save: folder });
    const set = await AdversarialSet.open(folder);
    expect(set.record).toMatchObject({ attack: 'pgd', norm: 'linf', epsilons: [0.01, 0.1], imageSize: 32 });
    const saved = request(
      'fgsm',
      {},
      { attack: savedAttack(set), settings: {}, norm: 'linf', epsilons: [0.01, 0.1] },
    );
    const again = points(await runAttack(context(), saved));
    expect(again.map(({ correct, linf }) => [correct, linf])).toEqual(
      points(made).map(({ correct, linf }) => [correct, linf]),
    );
    // Saved images are known by their places in a data set: another one has other images there.
    const elsewhere = { ...savedRequest(set, 16), images: 'those of another data set' };
    await expect(runAttack(context(), elsewhere)).rejects.toMatchObject({
      code: 'attack/set',
      message: expect.stringMatching(/they are changed ones of other images/) as string,
    });
    expect(points(await runAttack(context(), savedRequest(set, 32))).map(({ correct }) => correct)).toEqual(
      points(made).map(({ correct }) => correct),
    );
    // Images of another ε are no images of this one.
    const lie = {
      ...saved,
      epsilons: [0.1],
      attack: { ...saved.attack, run: savedAttack(set).run.bind(null) },
    };
    const asIf: typeof lie.attack = {
      ...lie.attack,
      run: (m, i, b, s) => saved.attack.run(m, i, { ...b, eps: 0.1 }, s),
    };
    await expect(runAttack(context(), { ...lie, attack: asIf, epsilons: [0.01] })).rejects.toThrow(
      /changed by .* where ε is 0.01/,
    );
    const other = tinyModel(1);
    const { device } = await context().onDevice();
    const { ModelWeights } = await import('../../../src/models/weights.ts');
    const weights = await ModelWeights.upload(device, other, initialise(other.parameters, 9));
    const target = { ...context(), onDevice: async () => ({ device, weights }) };
    expect(points(await runAttack(target, saved)).map(({ total }) => total)).toEqual([8, 8, 8]);
  });

  it('keeps images without bounds, beyond what a pixel may hold, and they give the same counts again', async () => {
    const context = await shared;
    const folder = join(root, 'unbounded');
    const wide = request('fgsm', {}, { space: 'normalised', epsilons: [3], save: folder });
    const made = points(await runAttack(context(), wide));
    const set = await AdversarialSet.open(folder);
    const largest = Math.max(...(await set.read(3, 0, 32)));
    expect(largest).toBeGreaterThan(1.2);
    const again = points(await runAttack(context(), savedRequest(set, 32)));
    expect(again.map(({ correct }) => correct)).toEqual(made.map(({ correct }) => correct));
    // Of another size they become 8-bit images: what lies above white is white, not black.
    await set.write(3, 8, new Float32Array(3 * 32 ** 2).fill(1.1));
    expect(new Set(await set.read(3, 8, 16))).toEqual(new Set([1]));
    await expect(set.read(3, 9, 32)).rejects.toThrow('the set has no image 9 at ε 3');
    expect(() => savedRequest(set, 32, [0.5])).toThrow('holds no images of ε 0.5; it holds 3');
  });

  it('leads to chosen classes, rounds to 8 bits, measures ε where it is told', async () => {
    const context = await shared;
    const aimed = points(await runAttack(context(), request('pgd', { steps: 3 }, { aim: 1 })));
    expect(aimed[2]!.attacked).toBe(4);
    expect(aimed[2]!.hit).toBeGreaterThanOrEqual(aimed[1]!.hit!);
    const least = points(await runAttack(context(), request('fgsm', {}, { aim: 'least-likely' })));
    // Of two classes the least likely is the label of every image that is wrong.
    expect(least[1]!.attacked).toBe(least[0]!.cleanCorrect);
    const folder = join(root, 'bits');
    await runAttack(
      context(),
      request('taig-s', { steps: 2, samples: 2 }, { eightBit: true, save: folder, epsilons: [0.01] }),
    );
    const pixels = await (await AdversarialSet.open(folder)).read(0.01, 0, 32);
    pixels.forEach((value) => expect(value).toBe(Math.fround(Math.round(255 * value) / 255)));
    const wide = points(await runAttack(context(), request('pgd', {}, { space: 'normalised' })));
    const narrow = points(await runAttack(context(), request('pgd', {})));
    expect(wide[2]!.linf).toBeLessThanOrEqual(0.1);
    expect(wide[2]!.correct).toBeGreaterThanOrEqual(narrow[2]!.correct);
    await expect(runAttack(context(), request('fab-t', {}, { space: 'normalised' }))).rejects.toThrow(
      'bounds of pixels',
    );
    await expect(runAttack(context(), request('apgd-t'))).rejects.toThrow('needs 4');
  });
});

describe('warnings', () => {
  const point = { eps: 0.1, correct: 97, total: 100, accuracy: 0.97, low: 0.9, high: 0.99, attacked: 100 };
  const rest = { cleanCorrect: 100, flipped: 3, success: null, untouched: 0, zeros: 0, linf: 0.1, l2: 1 };
  const after = (square: number) => ({
    ...{ ...point, ...rest },
    standing: { 'apgd-ce': 99, 'apgd-t': 98, 'fab-t': 98, square },
  });

  it('name images that only an attack without gradients finds', () => {
    expect(attackWarnings([after(98)])).toEqual([]);
    expect(attackWarnings([after(97)])[0]).toMatch(/^ε 0.1: Square.* 1 images that attacks with gradients/);
  });
});
