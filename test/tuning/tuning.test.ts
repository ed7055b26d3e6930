import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { fitPlan, targetOf } from '../../src/training/planning/fit.ts';
import { modelOfRecipe } from '../../src/training/weights/recipe-model.ts';
import { plansOf, tunedPlan, type TuneMode } from '../../src/training/planning/tuned-plan.ts';
import type { TrainingPlan } from '../../src/training/step/training-plan.ts';
import {
  choicesFile,
  identityOf,
  readChoices,
  saveChoices,
  type Choice,
  type Choices,
} from '../../src/tuning/choices.ts';
import { tuneProblem, wins } from '../../src/tuning/measure.ts';
import { fingerprintOf, keyOf, problemsOf, type Problem } from '../../src/tuning/problem.ts';
import { sealedKind, sealedText } from '../../src/util/sealed.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { runTiny, scratchFolder, tinyRecipe, traces } from '../training/tiny.ts';
import { type AnyKernels, type Variant, contextOf } from '../../src/ops/kernels.ts';
import { type MatmulAttrs, matmul } from '../../src/ops/matmul/op.ts';
import { f32 } from '../../src/ops/tensor.ts';
import { kernelsOf } from '../../src/execution/kernels.ts';

const devices = new Map<string, Device>();
/** One block: each of its kernels is compiled in all its variants. */
const SMALL = ['model.depths=[1]', 'model.dims=[8]', 'model.kernels=[5]'];
const before = process.env['LARGEKERNEL_CACHE'];

beforeAll(async () => {
  // Opened first: the packaged SwiftShader is unpacked where the cache is.
  for (const adapter of adapters) devices.set(adapter, (await deviceFor(adapter)).device);
});
beforeEach(() => {
  process.env['LARGEKERNEL_CACHE'] = scratchFolder();
});
afterAll(() => {
  if (before === undefined) delete process.env['LARGEKERNEL_CACHE'];
  else process.env['LARGEKERNEL_CACHE'] = before;
});

async function planTiny(device: Device, mode: TuneMode): Promise<{ plan: TrainingPlan; notes: string[] }> {
  const { recipe } = await loadRecipe(tinyRecipe(scratchFolder()), SMALL);
  const notes: string[] = [];
  const model = modelOfRecipe(recipe, 10);
  const plan = await tunedPlan({ recipe, model, target: targetOf(device), device }, mode, (line) => {
    notes.push(line);
  });
  return { plan, notes };
}

/** Choices of the last variant for every problem of the tiny recipe. */
async function lastVariants(device: Device): Promise<{ problems: Problem[]; choices: Choices }> {
  const { plan } = await planTiny(device, 'off');
  const problems = problemsOf(plansOf(plan), device.profile);
  const choice = (problem: Problem): Choice => ({
    fingerprint: fingerprintOf(problem),
    variant: problem.variants.at(-1)!,
  });
  return { problems, choices: new Map(problems.map((problem) => [problem.key, choice(problem)])) };
}

const plannedOf = (plan: TrainingPlan, device: Device): Record<string, Variant> =>
  Object.fromEntries(problemsOf(plansOf(plan), device.profile).map(({ key, planned }) => [key, planned]));

const chosenOf = (choices: Choices): Record<string, Variant> =>
  Object.fromEntries([...choices].map(([key, { variant }]) => [key, variant]));

describe.each(adapters)('stored choices on %s', (adapter) => {
  const device = () => devices.get(adapter)!;

  it('are used, the same each time, and only if asked for', async () => {
    const { problems, choices } = await lastVariants(device());
    expect(problems.length).toBeGreaterThan(3);
    await saveChoices(identityOf(device()), choices);
    const { plan, notes } = await planTiny(device(), 'stored');
    expect(plannedOf(plan, device())).toEqual(chosenOf(choices));
    expect(notes).toEqual([
      `tuned: ${problems.length} of ${problems.length} kernels that can be computed in several ways`,
    ]);
    expect(plannedOf((await planTiny(device(), 'stored')).plan, device())).toEqual(chosenOf(choices));
    const { plan: byRule, notes: silent } = await planTiny(device(), 'off');
    for (const { planned, variants } of problemsOf(plansOf(byRule), device().profile))
      expect(planned).toEqual(variants[0]);
    expect(silent).toEqual([]);
  });

  it('of other shaders are left out', async () => {
    const { problems, choices } = await lastVariants(device());
    const [stale] = problems as [Problem];
    const old = { fingerprint: '0123456789abcdef', variant: stale.variants.at(-1)! };
    await saveChoices(identityOf(device()), new Map([...choices, [stale.key, old]]));
    const { plan, notes } = await planTiny(device(), 'stored');
    expect(plannedOf(plan, device())).toEqual({ ...chosenOf(choices), [stale.key]: stale.variants[0] });
    expect(notes[0]).toContain(`tuned: ${problems.length - 1} of ${problems.length} kernels`);
  });

  it('are joined with those another process wrote', async () => {
    const { choices } = await lastVariants(device());
    const [first, ...others] = choices as unknown as [[string, Choice], ...[string, Choice][]];
    await saveChoices(identityOf(device()), new Map([first]));
    await saveChoices(identityOf(device()), new Map(others));
    expect(await readChoices(identityOf(device()), () => expect.fail())).toEqual(choices);
  });

  const OTHER = sealedKind<object>('tuned kernels', 1, '');
  it.each([
    ['half a file', sealedText(OTHER, { adapter: {}, choices: {} }).slice(0, 90)],
    ['an empty file', ''],
    ['another version', sealedText({ ...OTHER, version: 2 }, { adapter: {}, choices: {} })],
    ['an earlier form', '{"format": "largekernel-tuning-1"}'],
    ['another adapter', sealedText(OTHER, { adapter: { name: 'another' }, choices: {} })],
  ])('in %s are left out with a warning, and tuning writes the file anew', async (_, text) => {
    const identity = identityOf(device());
    const file = choicesFile(identity);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    const { plan, notes } = await planTiny(device(), 'stored');
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(file);
    for (const { planned, variants } of problemsOf(plansOf(plan), device().profile))
      expect(planned).toEqual(variants[0]);
    const { choices } = await lastVariants(device());
    await saveChoices(identity, choices);
    expect((await planTiny(device(), 'stored')).notes[0]).toMatch(/^tuned: /);
  });

  it('with one damaged choice are left out', async () => {
    const identity = identityOf(device());
    const { choices } = await lastVariants(device());
    await saveChoices(identity, choices);
    const file = choicesFile(identity);
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace(/"variant": \{[^}]*\}/, '"variant": {"kind": [1]}'),
    );
    expect((await planTiny(device(), 'stored')).notes[0]).toMatch(/was damaged/);
  });

  it(
    'change results within tolerance only, and a run that goes on keeps them',
    { timeout: 900_000 },
    async () => {
      const folder = scratchFolder();
      const { choices } = await lastVariants(device());
      const losses = async (name: string) =>
        (await traces(join(folder, name))).metrics.map((record) => (record as { loss: number }).loss);
      await runTiny(adapter, join(folder, 'rule'), { overrides: SMALL, maxSteps: 2 });
      await saveChoices(identityOf(device()), choices);
      await runTiny(adapter, join(folder, 'tuned'), { overrides: SMALL, maxSteps: 2, tuning: 'stored' });
      const [rule, tuned] = [await losses('rule'), await losses('tuned')];
      expect(rule.length).toBeGreaterThan(1);
      rule.forEach((loss, i) => {
        expect(tuned[i]).toBeCloseTo(loss, 4);
      });

      const record = readFileSync(join(folder, 'tuned', 'tuning.json'), 'utf8');
      expect(JSON.parse(record)).toEqual({
        seal: expect.anything() as unknown,
        micro: 4,
        variants: chosenOf(choices),
      });
      await runTiny(adapter, join(folder, 'whole'), { overrides: SMALL, maxSteps: 4, tuning: 'stored' });
      // Whatever is stored or asked for by now.
      process.env['LARGEKERNEL_CACHE'] = scratchFolder();
      await runTiny(adapter, join(folder, 'tuned'), { overrides: SMALL, maxSteps: 4, tuning: 'off' });
      expect(readFileSync(join(folder, 'tuned', 'tuning.json'), 'utf8')).toBe(record);
      expect(await traces(join(folder, 'tuned'))).toEqual(await traces(join(folder, 'whole')));
    },
  );

  it('refuses a record that this version cannot follow', { timeout: 900_000 }, async () => {
    const out = join(scratchFolder(), 'run');
    await runTiny(adapter, out, { overrides: SMALL, maxSteps: 1 });
    const file = join(out, 'tuning.json');
    const record = readFileSync(file, 'utf8');
    const changed = record.replace(/\{\n {3}"k\w+": "[^"]*"/, '{\n   "kind": "no longer there"');
    const { seal, ...content } = JSON.parse(changed) as { seal: { kind: string; version: number } };
    writeFileSync(file, sealedText(sealedKind(seal.kind, seal.version, ''), content));
    await expect(runTiny(adapter, out, { overrides: SMALL, maxSteps: 2 })).rejects.toThrow(
      /no longer there.*bit-exact/s,
    );
    writeFileSync(file, record.slice(0, 20));
    await expect(runTiny(adapter, out, { overrides: SMALL, maxSteps: 2 })).rejects.toThrow(/tuning\.json/);
  });
});

describe.each(adapters)('timing on %s', (adapter) => {
  const attrs: MatmulAttrs = { transposeA: false, transposeB: false, bias: 'none' };

  function problemOf(kernels: AnyKernels): Problem {
    const { profile } = devices.get(adapter)!;
    const inputs = { a: f32(48, 48), b: f32(48, 48) };
    const context = contextOf({ inputs, outputs: { y: f32(48, 48) }, attrs }, profile);
    const variants = kernels.variants(context);
    return {
      key: keyOf(kernels.op, context),
      kernels,
      context,
      variants,
      planned: variants[0]!,
      count: 1,
    };
  }

  /** With a second variant that multiplies in the other order. */
  const wrong: AnyKernels = {
    ...kernelsOf(matmul),
    variants: (context) => {
      const first = kernelsOf(matmul).variants(context)[0]!;
      return [
        { ...first, swapped: false },
        { ...first, swapped: true },
      ];
    },
    lower: (context, { swapped, ...variant }) => {
      return kernelsOf(matmul)
        .lower(context, variant)
        .map((dispatch) => {
          const { a, b } = dispatch.bindings;
          return swapped === true
            ? { ...dispatch, bindings: { ...dispatch.bindings, a: b, b: a } }
            : dispatch;
        });
    },
  };

  it('drops a variant that gives another result', async () => {
    const { device, pipelines } = await deviceFor(adapter);
    const problem = problemOf(wrong);
    const { variant, dropped } = await tuneProblem(device, pipelines, problem);
    expect(variant).toEqual(problem.variants[0]);
    expect(dropped).toHaveLength(1);
    expect(dropped[0]!.variant).toEqual(problem.variants[1]);
    expect(dropped[0]!.reason).toMatch(/differs from the first variant/);
  });

  it('drops a variant that cannot be built, and takes none for which no time is left', async () => {
    const { device, pipelines } = await deviceFor(adapter);
    const broken: AnyKernels = {
      ...wrong,
      lower: (context, variant) => {
        if (variant['swapped'] === true) throw new Error('not today');
        return wrong.lower(context, variant);
      },
    };
    expect((await tuneProblem(device, pipelines, problemOf(broken))).dropped[0]!.reason).toBe('not today');
    const late = await tuneProblem(device, pipelines, problemOf(wrong), { budgetMs: 0 });
    expect(late.dropped[0]!.reason).toBe('no time was left');
  });
});

it('another variant has to be 5 % faster than the first', () => {
  expect([wins(100, 100), wins(96, 100), wins(95, 100), wins(50, 100)]).toEqual([false, false, true, true]);
});

describe('tuning what is missing', () => {
  const [adapter] = adapters;

  it.skipIf(adapter === undefined)('stores every kernel of a plan, once', { timeout: 300_000 }, async () => {
    const device = devices.get(adapter!)!;
    const { plan, notes } = await planTiny(device, 'missing');
    const problems = problemsOf(plansOf(plan), device.profile);
    expect(notes[0]).toMatch(/^tuning \d+ kernels/);
    const choices = await readChoices(identityOf(device), () => expect.fail());
    expect([...choices.keys()].sort()).toEqual(problems.map(({ key }) => key).sort());
    expect(plannedOf(plan, device)).toEqual(chosenOf(choices));
    const again = await planTiny(device, 'missing');
    expect(again.notes).toHaveLength(1);
    expect(plannedOf(again.plan, device)).toEqual(plannedOf(plan, device));
  });

  it.skipIf(adapter === undefined)('needs no cache folder to plan', async () => {
    const device = devices.get(adapter!)!;
    const { recipe } = await loadRecipe(tinyRecipe(scratchFolder()), SMALL);
    const plan = fitPlan(recipe, modelOfRecipe(recipe, 10), targetOf(device));
    expect(plannedOf((await planTiny(device, 'stored')).plan, device)).toEqual(plannedOf(plan, device));
    expect(existsSync(choicesFile(identityOf(device)))).toBe(false);
  });
});
