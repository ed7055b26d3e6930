import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/main.ts';
import { classList } from '../../src/data/classes.ts';
import { writeSafetensors, type TensorToWrite } from '../../src/formats/safetensors.ts';
import { createModel } from '../../src/models/registry.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { recipePaths, valueAt } from '../../src/recipe/parse.ts';
import { RUN_RECIPE } from '../../src/recipe/resolved.ts';
import { keepClasses } from '../../src/training/classes.ts';
import {
  evaluationData,
  resolveWeights,
  type ResolvedWeights,
} from '../../src/training/evaluation/evaluate-weights.ts';
import { saveCheckpoint } from '../../src/training/run/checkpoints.ts';
import { runFolder } from '../../src/training/run/run-folder.ts';
import type { WeightsUse } from '../../src/training/weights/settings.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { makeFolder } from '../../src/util/files.ts';
import { writeSealedBytes } from '../../src/util/sealed.ts';
import { temporaryFolder } from '../formats/fixtures.ts';
import { formula } from '../models/formula.ts';
import { tinyRecipe } from '../training/tiny.ts';
import { runCommand } from './run.ts';

const root = await temporaryFolder();
const run = join(root, 'run');
const file = join(root, 'weights.safetensors');

/** Another value than the run, and than a file without words, has. */
const OTHER: Readonly<Record<string, string>> = {
  name: 'other', description: 'other', seed: '5',
  'model.name': 'convnext-s', 'model.variant': 'slak', 'model.kernels': '[7,7]', 'model.smallKernel': '3',
  'model.decomposed': 'true', 'model.merged': 'true', 'model.widthFactor': '2', 'model.depths': '[2,2]', 'model.dims': '[4,6]',
  'model.stemStride': '2', 'model.dropPath': '0.4', 'model.layerScaleInit': '0', 'model.headInitScale': '2', 'model.classes': '9',
  'model.stemPatch': '9', 'model.bn': 'false', 'model.dwRatio': '2', 'model.ffnRatio': '3',
  'model.groups': '4', 'model.block': 'dw', 'model.stem': 'resnet', 'model.strides': '[1,1]', 'model.strideAt': 'before', 'model.norms': '[2]',
  'model.activations': '[3]', 'model.patch': '8', 'model.dim': '64', 'model.depth': '2', 'model.heads': '2', 'model.mlpRatio': '2',
  'distill.teacher': 'x.pth', 'distill.entry': 'model', 'distill.kind': 'hard', 'distill.alpha': '0.3', 'distill.temperature': '2',
  'data.dataset': 'cifar10', 'data.format': 'parquet', 'data.root': '/elsewhere', 'data.classes': 'mnist',
  'data.trainSplit': 'other', 'data.valSplit': 'train', 'data.imageSize': '56', 'data.shuffle': 'false', 'data.onError': 'skip', 'data.workers': '3',
  'data.mean': '[0.1,0.1,0.1]', 'data.std': '[2,2,2]', 'data.limitTrain': '3', 'data.limitVal': '3',
  'augment.crop': 'random-resized', 'augment.scale': '[0.5,1]', 'augment.ratio': '[1,1]', 'augment.padding': '1', 'augment.interpolation': 'bilinear',
  'augment.flip': '0.3', 'augment.colorJitter': '0.3', 'augment.autoAugment': 'null', 'augment.erasing.prob': '0.3', 'augment.erasing.mode': 'const',
  'augment.erasing.count': '2', 'augment.mixup': '0.3', 'augment.cutmix': '0.3', 'augment.mixProb': '0.3', 'augment.switchProb': '0.3',
  'augment.mixMode': 'pair', 'augment.mixOrder': 'mix-then-erase', 'augment.mixGroup': '4', 'augment.repeats': '2',
  'evaluation.resize': '40', 'evaluation.crop': '20', 'evaluation.squash': 'true', 'evaluation.interpolation': 'box', 'evaluation.batch': '3',
  'evaluation.everyEpochs': '3', 'evaluation.ema': 'false',
  'batch.size': '32', 'batch.micro': '2', 'batch.shards': '2',
  'adversarial.eps': '0.1', 'adversarial.steps': '3', 'adversarial.stepSize': '0.05', 'adversarial.randomStart': 'false',
  'optimizer.name': 'sgd', 'optimizer.lr': '1', 'optimizer.lrPer': '256', 'optimizer.betas': '[0.5,0.5]', 'optimizer.eps': '1', 'optimizer.weightDecay': '1',
  'optimizer.weightDecayEnd': '1', 'optimizer.momentum': '0.5', 'optimizer.nesterov': 'true', 'optimizer.layerDecay': '0.5', 'optimizer.clipNorm': '1',
  'schedule.epochs': '3', 'schedule.warmupEpochs': '1', 'schedule.warmupSteps': '3', 'schedule.warmupLr': '1e-3', 'schedule.minLr': '1e-3',
  'schedule.unit': 'epoch', 'schedule.lag': '2',
  'ema.decay': '0.5', 'ema.warmup': 'true', 'loss.labelSmoothing': '0.3', precision: 'f16', recompute: 'cheap',
  'checkpoint.everyEpochs': '3', 'checkpoint.everySteps': '3', 'checkpoint.keep': '3', 'checkpoint.best': 'false',
  'init.file': 'x.pth', 'init.entry': 'model', 'init.dropHead': 'true',
}; // prettier-ignore
const KEYS = recipePaths().map(([key]) => key);

const MODEL = [
  'model.name', 'model.variant', 'model.kernels', 'model.smallKernel', 'model.decomposed', 'model.merged', 'model.widthFactor',
  'model.depths', 'model.dims', 'model.stemStride', 'model.layerScaleInit', 'model.classes',
  'model.stemPatch', 'model.bn',
]; // prettier-ignore
const PIXELS = [
  'data.imageSize', 'data.mean', 'data.std', 'evaluation.resize', 'evaluation.crop', 'evaluation.squash', 'evaluation.interpolation',
]; // prettier-ignore
const SOURCE = ['data.format', 'data.root', 'data.valSplit'];
const IMAGES = [...MODEL, 'data.dataset', 'data.classes', ...PIXELS];

/** What each command does with resolved weights, and the keys that it therefore takes. */
const USES: Readonly<
  Record<WeightsUse, { takes: readonly string[]; reads: (weights: ResolvedWeights) => unknown }>
> = {
  evaluate: {
    takes: [...IMAGES, ...SOURCE],
    reads: (weights) => [
      ...images(weights),
      evaluationData(weights, weights.data ? undefined : 'x', undefined),
    ],
  },
  'evaluate --benchmarks': {
    takes: [...IMAGES, ...SOURCE],
    reads: (weights) => [...images(weights), weights.data && evaluationData(weights, undefined, undefined)],
  },
  analyze: {
    takes: [...IMAGES, ...SOURCE],
    reads: (weights) => [
      ...images(weights),
      evaluationData(weights, weights.data ? undefined : 'x', undefined),
    ],
  },
  attack: {
    takes: [...IMAGES, ...SOURCE],
    reads: (weights) => [
      ...images(weights),
      evaluationData(weights, weights.data ? undefined : 'x', undefined),
    ],
  },
  'analyze stimuli': { takes: IMAGES, reads: images },
  'analyze weights': {
    takes: [...MODEL, 'data.dataset', 'data.classes', 'data.imageSize'],
    reads: ({ model, imageSize, classes }) => [model.name, model.config, imageSize, classes],
  },
  predict: { takes: IMAGES, reads: images },
  merge: { takes: IMAGES, reads: images },
  export: {
    takes: [...MODEL, 'data.dataset', 'data.classes', 'data.imageSize'],
    reads: ({ model, imageSize, classes }) => [model.name, model.config, imageSize, classes],
  },
  convert: {
    takes: [...MODEL, 'data.dataset', 'data.classes'],
    reads: ({ model, classes }) => [model.name, model.config, classes],
  },
};
const FOR_RECIPES = ['train', 'ablate', 'plan', 'tune', 'bench step', 'bench ranks'];

function images({ model, imageSize, normalization, evalConfig, classes }: ResolvedWeights) {
  return [model.name, model.config, imageSize, normalization, evalConfig, classes];
}

beforeAll(async () => {
  const { recipe, yaml } = await loadRecipe(tinyRecipe(root), ['evaluation.resize=28', 'evaluation.crop=28']);
  const model = createModel('convnext-custom', {
    depths: [1, 1], dims: [8, 12], kernels: [5, 3], stemPatch: 7, stemStride: 7, layerScaleInit: 0.1, classes: 10,
  }); // prettier-ignore
  const tensors = model.parameters.map(({ name, shape }): TensorToWrite => ({
    name,
    shape,
    dtype: 'F32',
    data: Float32Array.from(formula(name, shape)),
  }));
  await writeSafetensors(file, tensors);
  const folder = runFolder(run);
  await makeFolder(folder.checkpoints);
  await writeSealedBytes(folder.recipe, RUN_RECIPE, yaml, { comment: true });
  await keepClasses(folder, classList('fashion-mnist'));
  const counters = { step: 1, batchesTracked: 1, best: null };
  await saveCheckpoint(folder.checkpoints, counters, recipe.name, new Map([['model.safetensors', tensors]]));
});

describe('--set', () => {
  it('is known here in every command that has it, and so is every key', async () => {
    const program = await buildProgram('all');
    const all = program.commands.flatMap((command) =>
      [command, ...command.commands].map((each) => ({
        each,
        name: each === command ? each.name() : `${command.name()} ${each.name()}`,
      })),
    );
    const taking = all.filter(({ each }) => each.options.some(({ flags }) => flags === '--set <key=value>'));
    // What analyses take follows from what they look at: one use each for images, stimuli and weights.
    const names = new Set(taking.map(({ name }) => name.replace(/^(analyze|attack) .*/, '$1')));
    expect([...names].sort()).toEqual(
      [...Object.keys(USES).filter((use) => !use.includes(' ')), ...FOR_RECIPES].sort(),
    );
    expect(Object.keys(OTHER).sort()).toEqual([...KEYS].sort());
  });

  const cases = (Object.keys(USES) as WeightsUse[]).flatMap((use) => [
    { use, of: 'run' },
    { use, of: 'file' },
  ]);
  it.each(cases)('of $use of a $of changes what it reads, or is refused by its name', async ({ use, of }) => {
    const { takes, reads } = USES[use];
    const ask = async (overrides: readonly string[]) => {
      const request = {
        checkpoint: of === 'run' ? run : file,
        model: undefined,
        weights: 'raw',
        use,
      } as const;
      return JSON.stringify(reads(await resolveWeights({ ...request, overrides })));
    };
    // A source alone says nothing of a file; 1000 and 10 outputs have known lists, and a run keeps its own.
    const base = of === 'file' ? ['model.classes=10'] : [];
    const before = await ask(base);
    for (const key of KEYS) {
      const isIdle =
        of === 'file' ? SOURCE.includes(key) : key === 'data.dataset' && /export|convert|weights/.test(use);
      const isTaken = takes.includes(key) && !isIdle;
      const after = await ask([...base, `${key}=${OTHER[key] ?? ''}`]).catch((error: unknown) => {
        if (error instanceof FrameworkError) return error;
        throw error;
      });
      const isRefused = after instanceof FrameworkError && after.code === 'recipe/no-effect';
      expect([key, isRefused], after instanceof Error ? after.message : after).toEqual([key, !isTaken]);
      if (isRefused) expect(after.message).toContain(`command line: ${key} was given`);
      else expect([key, after === before]).toEqual([key, false]);
    }
  });

  it('of a section is refused where nothing of it counts', async () => {
    for (const [setting, key] of [
      ['augment=none', 'augment'],
      ['optimizer={lr: 1}', 'optimizer.lr'],
      ['ema=null', 'ema'],
      ['batch=4', 'batch.size'],
    ] as const) {
      const { code, stderr } = await runCommand(
        'predict',
        '--checkpoint',
        run,
        '--images',
        file,
        '--set',
        setting,
      );
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(`command line: ${key}.* no effect: predict makes no use`),
      ]);
    }
  });

  it('of a file’s source counts beside its data set alone, and nothing counts that an option replaces', async () => {
    const request = { checkpoint: file, model: undefined, weights: 'raw', use: 'evaluate' } as const;
    await expect(resolveWeights({ ...request, overrides: ['data.root=/x'] })).rejects.toThrow(
      'data.dataset is not given',
    );
    const { data } = await resolveWeights({
      ...request,
      overrides: ['data.dataset=cifar10', 'data.root=/x'],
    });
    expect(data?.root).toBe('/x');
    for (const [options, key] of [
      ['--data y --set data.root=/x', 'data.root'],
      ['--split y --set data.valSplit=x', 'data.valSplit'],
    ] as const) {
      const { stderr } = await runCommand('evaluate', '--checkpoint', run, ...options.split(' '));
      expect(stderr).toContain(
        `${key} was given, but it has no effect: ${options.slice(0, options.indexOf(' '))} takes its place`,
      );
    }
    const both = ['--recipe', 'quickstart', '--data', 'x', '--set', 'data.root=y'];
    expect((await runCommand('train', ...both)).stderr).toContain('--data takes its place');
  });

  it('of one of mean and std leaves the other as the model has it', async () => {
    const ask = (...overrides: string[]) =>
      resolveWeights({ checkpoint: file, model: 'resnet20', overrides, weights: 'raw', use: 'predict' });
    const { normalization } = await ask();
    expect((await ask('data.mean=[0,0,0]')).normalization).toEqual({
      mean: [0, 0, 0],
      std: normalization.std,
    });
  });

  it.each(FOR_RECIPES)('of %s goes into the recipe, or is refused', async (name) => {
    const args = name === 'ablate' ? ['quick-kernels', '--dry-run'] : ['--recipe', 'quickstart'];
    const { stderr } = await runCommand(...name.split(' '), ...args, '--set', 'optimizer.momentum=0.5');
    expect(stderr).toContain('optimizer.momentum was given, but it has no effect: optimizer.name is adamw');
  });

  it('of a recipe changes it, or is refused by its name, whatever the key', async () => {
    const tiny = tinyRecipe(root);
    const before = (await loadRecipe(tiny)).recipe;
    for (const key of KEYS) {
      const value = OTHER[key] ?? '';
      // A teacher's settings need the teacher, those of adversarial images the largest change.
      const beside = key.startsWith('distill.')
        ? ['distill.teacher=y.pth']
        : /^adversarial\.(?!eps)/.test(key)
          ? ['adversarial.eps=0.2']
          : [];
      const after = await loadRecipe(tiny, [...beside, `${key}=${value}`]).catch((error: unknown) => error);
      if (after instanceof FrameworkError) {
        // What the recipe's model has no use for.
        expect([key, after.code]).toEqual([key, expect.stringMatching(/^recipe\/(conflict|no-effect)$/)]);
        expect([key.startsWith('model.'), after.message]).toEqual([true, expect.stringContaining(key)]);
      } else {
        const { recipe } = after as Awaited<ReturnType<typeof loadRecipe>>;
        expect([key, valueAt(recipe, key)]).not.toEqual([key, valueAt(before, key)]);
      }
    }
  });
});
