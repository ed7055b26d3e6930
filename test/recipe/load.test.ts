import { describe, expect, it } from 'vitest';
import { listRecipes, loadRecipe } from '../../src/recipe/load.ts';
import { recipePaths, valueAt } from '../../src/recipe/parse.ts';
import { recipeHash } from '../../src/recipe/resolved.ts';
import { augmentConfig, evalConfig } from '../../src/recipe/transforms.ts';
import type { AugmentConfig, EvalConfig } from '../../src/data/transform.ts';
import { temporaryFolder, writeTo } from '../formats/fixtures.ts';

const folder = await temporaryFolder();
const MINIMAL = 'model: {name: convnext-t}\ndata: {dataset: d}\noptimizer: {lr: 1}\nschedule: {epochs: 3}\n';

/** Loads YAML text written to `name` in a folder of its own. */
async function load(text: string, overrides: string[] = [], name = 'a.yaml') {
  return loadRecipe(await writeTo(folder, name, text), overrides);
}

describe('inheritance and overrides', () => {
  it('a word that the command line gives for a section holds beside keys of it that follow', async () => {
    const given = ['augment=none', 'augment.mixGroup=16'];
    const { augment } = (await load('extends: convnext-t\naugment: { mixup: 0.3 }\n', given)).recipe;
    expect(augment).toMatchObject({ mixup: 0, cutmix: 0, autoAugment: null, flip: 0, mixGroup: 16 });
  });

  it('puts children over parents, later parents over earlier ones, and the command line over all', async () => {
    await writeTo(
      folder,
      'one.yaml',
      'batch: {size: 32, micro: 16}\nseed: 1\nloss: {labelSmoothing: 0.1}\nname: one\n',
    );
    await writeTo(folder, 'two.yaml', 'seed: 2\nema: 0.99\ndescription: two\n');
    const { recipe, provenance } = await load(`extends: [one, ./two.yaml]\nbatch: 64\n${MINIMAL}`, [
      'loss.labelSmoothing=0.2',
      'loss.labelSmoothing=0.3',
      'model.kernels=[7, 5, 5, 3]',
    ]);
    expect(recipe.batch).toEqual({ size: 64, micro: 16, shards: 1 });
    expect([recipe.seed, recipe.loss.labelSmoothing, recipe.ema?.decay]).toEqual([2, 0.3, 0.99]);
    expect([recipe.name, recipe.description]).toEqual(['a', '']);
    const from = (path: string) => provenance.get(path)?.split('/').at(-1);
    expect(from('batch.size')).toBe('a.yaml:2');
    expect(from('batch.micro')).toBe('one.yaml:1');
    expect(from('ema.decay')).toBe('two.yaml:2');
    expect(from('model.name')).toBe('a.yaml:3');
    expect(from('loss.labelSmoothing')).toBe('command line');
    expect(from('optimizer.eps')).toBe('default');
    // A group that is null stands by its name.
    const paths = recipePaths('convnext-t').map(([path]) => path.replace(/^(distill|adversarial)\..*/, '$1'));
    expect([...provenance.keys()].sort()).toEqual([...new Set(paths)].sort());
  });

  it('takes the shorthands', async () => {
    const parent = 'augment: {flip: 0.5, erasing: {prob: 0.5, count: 3}, mixup: 1}\nema: {decay: 0.5}\n';
    const { recipe } = await load(`${parent}${MINIMAL}`, [
      'augment=none',
      'ema=null',
      'batch=8',
      'init=w.pth',
      'model.kernels=9',
    ]);
    expect(recipe.augment).toEqual((await load(MINIMAL)).recipe.augment);
    expect(recipe.ema).toBeNull();
    expect([recipe.batch.size, recipe.init.file, recipe.model.kernels]).toEqual([8, 'w.pth', [9, 9, 9, 9]]);
    const fewer = await load(`${parent}${MINIMAL}`, [
      'augment.erasing=0.1',
      'model.kernels=9',
      'model.depths=[1,1]',
      'model.dims=[8,8]',
    ]);
    expect(fewer.recipe.augment.erasing).toEqual({ prob: 0.1, mode: 'pixel', count: 3 });
    expect(fewer.recipe.model.kernels).toEqual([9, 9]);
    expect((await load(`augment: none\n${MINIMAL}`, ['augment.flip=0.5'])).recipe.augment.flip).toBe(0.5);
  });

  it('is frozen all the way down', async () => {
    const { recipe } = await load(MINIMAL);
    expect(() => Object.assign(recipe.optimizer, { lr: 2 })).toThrow(TypeError);
    expect(() => (recipe.optimizer.betas as unknown as number[]).push(1)).toThrow(TypeError);
  });
});

describe('errors say file, line, path and what to do', () => {
  const cases: [string, string, string[], string, RegExp, string | RegExp | undefined][] = [
    [
      'an unknown key',
      `${MINIMAL}augment:\n  flipp: 1\n`,
      [],
      'unknown-key',
      /a\.yaml:6: augment\.flipp is not a key of augment/,
      'did you mean augment.flip?',
    ],
    [
      'a key in the wrong place',
      `lr: 1\n${MINIMAL}`,
      [],
      'unknown-key',
      /a\.yaml:1: lr is not a key of a recipe/,
      'did you mean optimizer.lr?',
    ],
    ['a key of Object', `toString: 1\n${MINIMAL}`, [], 'unknown-key', /toString is not a key/, undefined],
    [
      'an unknown key given',
      MINIMAL,
      ['optimiser.lr=1'],
      'unknown-key',
      /command line: optimiser is not/,
      'did you mean optimizer?',
    ],
    [
      'a wrong type',
      `seed: one\n${MINIMAL}`,
      [],
      'bad-value',
      /a\.yaml:1: seed is "one"; allowed: integer 0/,
      undefined,
    ],
    [
      'a number as text',
      MINIMAL,
      ['optimizer.lr="1e-3"'],
      'bad-value',
      /lr is "1e-3"; allowed: number > 0/,
      undefined,
    ],
    ['nothing', `seed:\n${MINIMAL}`, [], 'bad-value', /a\.yaml:1: seed is null/, undefined],
    [
      'a number out of range',
      MINIMAL,
      ['model.dropPath=1'],
      'bad-value',
      /command line: model\.dropPath is 1; allowed: number 0 … < 1/,
      undefined,
    ],
    ['not a number', MINIMAL, ['optimizer.lr=.nan'], 'bad-value', /lr is NaN/, undefined],
    [
      'half an image',
      MINIMAL,
      ['batch=1.5'],
      'bad-value',
      /batch\.size is 1\.5; allowed: integer 1 … 1048576 \(images\)/,
      undefined,
    ],
    [
      'an even kernel',
      MINIMAL,
      ['model.kernels=[7,8,7,7]'],
      'bad-value',
      /kernels is \[7, 8, 7, 7\]; allowed: list of 1 to 4 × odd/,
      undefined,
    ],
    [
      'too short a list',
      MINIMAL,
      ['optimizer.betas=[0.9]'],
      'bad-value',
      /betas is \[0\.9\]; allowed: list of 2/,
      undefined,
    ],
    [
      'a choice that is none',
      MINIMAL,
      ['precision=f64'],
      'bad-value',
      /precision is "f64"; allowed: f32 \| f16/,
      undefined,
    ],
    [
      'a value for a group',
      MINIMAL,
      ['optimizer=adamw'],
      'bad-value',
      /optimizer is "adamw", it should hold keys/,
      /keys: name, lr/,
    ],
    ['keys for a value', MINIMAL, ['seed={a: 1}'], 'bad-value', /seed is \{a\}; allowed/, undefined],
    [
      'a required key left out',
      'model: {name: convnext-t}\n',
      [],
      'missing-key',
      /a\.yaml and the recipes it extends do not set data\.dataset/,
      undefined,
    ],
    [
      'a micro-batch that does not divide',
      MINIMAL,
      ['batch.micro=100'],
      'conflict',
      /command line: batch\.micro: 100 does not divide batch\.size 128/,
      undefined,
    ],
    [
      'a warm-up as long as the run',
      MINIMAL,
      ['schedule.warmupEpochs=3'],
      'conflict',
      /3 leaves nothing of the 3 epochs/,
      undefined,
    ],
    [
      'other numbers of stages',
      MINIMAL,
      ['model.depths=[1,2]', 'model.dims=[8]'],
      'conflict',
      /command line: model\.dims: dims has 1 stages, depths has 2/,
      undefined,
    ],
    ['broken YAML', 'a: [1\n', [], 'bad-yaml', /a\.yaml:[12]: /, undefined],
    [
      'a key given twice',
      `seed: 1\nseed: 2\n${MINIMAL}`,
      [],
      'bad-yaml',
      /a\.yaml:2: Map keys must be unique/,
      undefined,
    ],
    ['an alias', `seed: &x 1\nbatch: *x\n${MINIMAL}`, [], 'bad-yaml', /a\.yaml:2: an alias/, undefined],
    [
      'an override without a value',
      MINIMAL,
      ['seed'],
      'bad-value',
      /--set seed is not of the form key=value/,
      undefined,
    ],
    ['a list of nothing', '- 1\n', [], 'bad-value', /a\.yaml holds \[1\], a recipe holds keys/, undefined],
    [
      'a parent that is not there',
      `extends: convnext-t-k30\n${MINIMAL}`,
      [],
      'unknown',
      /a\.yaml:1: extends names convnext-t-k30/,
      /did you mean convnext-t-k/,
    ],
  ];
  it.each(cases)('%s', async (_, text, overrides, code, message, hint) => {
    const error: unknown = await load(text, overrides).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: `recipe/${code}`,
      message: expect.stringMatching(message) as string,
    });
    if (hint !== undefined) expect(error).toMatchObject({ hint: expect.stringMatching(hint) as string });
  });

  it('a circle of parents', async () => {
    await writeTo(folder, 'c1.yaml', 'extends: c2\n');
    await writeTo(folder, 'c2.yaml', 'extends: ./c1.yaml\n');
    await expect(loadRecipe(`${folder}/c1.yaml`)).rejects.toThrow(
      /in a circle: .*c1\.yaml → .*c2\.yaml → .*c1\.yaml/,
    );
    await expect(load('extends: self\n', [], 'self.yaml')).rejects.toMatchObject({ code: 'recipe/cycle' });
  });

  it('a name nobody knows', async () => {
    await expect(loadRecipe('quickstat')).rejects.toMatchObject({
      code: 'recipe/unknown',
      hint: 'did you mean quickstart?',
    });
    await expect(loadRecipe('./none.yaml')).rejects.toMatchObject({ code: 'file/missing' });
  });
});

describe('the model', () => {
  it('is checked by the family that it names', async () => {
    await expect(load(MINIMAL, ['model.name=resnet2'])).rejects.toMatchObject({
      code: 'model/unknown',
      message: 'command line: There is no model resnet2.',
      hint: 'Did you mean resnet20?',
    });
    await expect(load(MINIMAL, ['model.name=resnet20', 'model.kernels=7'])).rejects.toMatchObject({
      code: 'recipe/no-effect',
      message: 'command line: model.kernels was given, but it has no effect: resnet20 has no such option.',
      hint: 'Leave it out. The options of resnet20: depths, dims.',
    });
    await expect(load(`${MINIMAL}`.replace('}', ', merged: true}'))).rejects.toThrow(
      /a\.yaml:1: model\.merged: variant is plain, but merged is true/,
    );
  });

  it('has its own values where none or null are given, and takes any other', async () => {
    const modelOf = async (...overrides: string[]) =>
      (await load(MINIMAL, ['model.name=slak-t', ...overrides])).recipe.model;
    expect(await modelOf()).toMatchObject({ kernels: [51, 49, 47, 13], smallKernel: 5, variant: 'slak' });
    expect(await modelOf('model.kernels=null')).toMatchObject({ kernels: [51, 49, 47, 13] });
    expect(await modelOf('model.variant=plain', 'model.smallKernel=none')).toMatchObject({
      variant: 'plain',
    });
    await expect(modelOf('model.variant=plain')).rejects.toMatchObject({
      code: 'recipe/conflict',
      message: expect.stringMatching(
        /^command line: model\.variant: variant is plain, but smallKernel is 5/,
      ) as string,
    });
  });

  it('of another family sets the options below it aside, and says so', async () => {
    const { recipe, warnings } = await loadRecipe('quickstart', ['model.name=resnet20']);
    expect(recipe.model).toEqual({ name: 'resnet20', classes: null, depths: [3, 3, 3], dims: [16, 32, 64] });
    expect(warnings.join()).toMatch(
      /resnet20 is of another family than convnext-custom \(recipes\/quickstart\.yaml:\d+\): model\.depths, .* are set aside/,
    );
    const same = await loadRecipe('convnext-t-k31', ['model.name=convnext-s']);
    expect([same.recipe.model['kernels'], same.warnings]).toEqual([[31, 29, 27, 13], []]);
  });
});

describe('the resolved recipe', () => {
  it('is a recipe: every one of the project comes back the same', async () => {
    for (const { name } of await listRecipes()) {
      const { recipe, yaml } = await loadRecipe(name, ['description="a: #1\\nb"']);
      const again = (await load(yaml)).recipe;
      expect(again).toEqual(recipe);
      expect(recipeHash(again)).toBe(recipeHash(recipe));
    }
  });

  it('names the place of each value', async () => {
    const { yaml } = await loadRecipe('convnext-t-k31', ['batch=1024']);
    expect(yaml).toMatch(/^ {2}kernels: \[31, 29, 27, 13\] +# recipes\/convnext-t-k31\.yaml:5$/m);
    expect(yaml).toMatch(/^ {2}lr: 0\.004 +# recipes\/base\/convnext-1k\.yaml:\d+$/m);
    expect(yaml).toMatch(/^ {2}size: 1024 +# command line$/m);
    expect(yaml).toMatch(/^ {2}clipNorm: null +# default$/m);
  });

  it('has a hash that changes with every value results depend on, and with no other', async () => {
    const hash = async (...overrides: string[]) =>
      recipeHash((await loadRecipe('quickstart', overrides)).recipe);
    const base = await hash();
    for (const other of [
      'seed=1',
      'optimizer.lr=1e-3',
      'augment.flip=0.4',
      'model.kernels=[7,5,3]',
      'ema=0.9',
    ])
      expect(await hash(other)).not.toBe(base);
    for (const same of ['name=x', 'description=x', 'data.root=/x', 'data.workers=3', 'checkpoint.keep=9'])
      expect(await hash(same)).toBe(base);
  });
});

describe('transforms', () => {
  it('have the shape the data pipeline takes', async () => {
    const { recipe } = await loadRecipe('convnext-t');
    const train: AugmentConfig = augmentConfig(recipe);
    const evaluation: EvalConfig = evalConfig(recipe);
    expect(train).toEqual({
      crop: { kind: 'random-resized', scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
      interpolation: 'bicubic',
      flip: 0.5,
      colorJitter: 0.4,
      autoAugment: 'rand-m9-mstd0.5-inc1',
      erasing: { prob: 0.25, mode: 'pixel', count: 1 },
    });
    expect(evaluation).toEqual({ resize: 256, crop: 224, squash: false, interpolation: 'bicubic' });
    expect(augmentConfig((await loadRecipe('cifar10-convnext-k7')).recipe).crop).toEqual({
      kind: 'pad-crop',
      padding: 4,
    });
    const off = augmentConfig((await loadRecipe('convnext-t', ['augment=none'])).recipe);
    expect(off).toMatchObject({ crop: { kind: 'center' }, flip: 0, autoAugment: null, erasing: null });
    expect(evalConfig((await loadRecipe('convnext-b-384')).recipe)).toMatchObject({
      resize: 384,
      crop: null,
      squash: true,
    });
  });
});

describe('valueAt', () => {
  it('is null below a group that is off', async () => {
    expect(valueAt((await load(MINIMAL)).recipe, 'ema.decay')).toBeNull();
  });
});

describe('recipes that would never end', () => {
  it('are read once for each file, however often it is extended', async () => {
    await writeTo(folder, 'level0.yaml', MINIMAL);
    for (let i = 1; i <= 40; i++)
      await writeTo(folder, `level${i}.yaml`, `extends: [level${i - 1}, level${i - 1}]\n`);
    const started = process.cpuUsage();
    const { recipe } = await load('extends: [level40, level40]\nseed: 3\n');
    expect(recipe).toMatchObject({ seed: 3, schedule: { epochs: 3 } });
    // Twice the work a level would never end. Other processes do not count.
    expect(process.cpuUsage(started).user).toBeLessThan(3_000_000);
  });

  it('are refused where they are too many above one another, too long or nested too deeply', async () => {
    await writeTo(folder, 'deep0.yaml', MINIMAL);
    for (let i = 1; i <= 70; i++) await writeTo(folder, `deep${i}.yaml`, `extends: deep${i - 1}\n`);
    await expect(load('extends: deep70\n')).rejects.toMatchObject({ code: 'recipe/too-deep' });
    await expect(load(`description: ${'x'.repeat(2 ** 18)}\n`)).rejects.toThrow(/characters/);
    await expect(load(`model: ${'['.repeat(20_000)}`)).rejects.toMatchObject({ code: 'recipe/bad-yaml' });
  });
});

describe('bounds', () => {
  it('has every number of a recipe, above and below', () => {
    for (const [path, { type }] of recipePaths()) {
      const { base, min, max } = type.item ?? type;
      if (base === 'integer' || base === 'number')
        expect([path, Number.isFinite(min), Number.isFinite(max)]).toEqual([path, true, true]);
    }
  });

  it.each([
    ['data.workers', '100000'],
    ['data.imageSize', '1000000'],
    ['batch', '4294967296'],
    ['model.depths', '[1000000]'],
    ['schedule.epochs', '1e15'],
  ])('refuses %s=%s and says what is allowed', async (path, value) => {
    await expect(load(MINIMAL, [`${path}=${value}`])).rejects.toMatchObject({
      code: 'recipe/bad-value',
      message: expect.stringMatching(/allowed: .*\d … \d/) as string,
    });
  });

  it.each(['..', '.', '', 'a/b', 'a\\b', 'a\nb', '-x', '.hidden', 'x'.repeat(101)])(
    'refuses the name %j, which is no name of a folder',
    async (name) => {
      await expect(load(MINIMAL, [`name=${JSON.stringify(name)}`])).rejects.toMatchObject({
        code: 'recipe/bad-value',
        message: expect.stringContaining('names one folder') as string,
      });
    },
  );

  it('takes other names', async () => {
    const { recipe } = await load(MINIMAL, ['name="größe 7, a..b"']);
    expect(recipe.name).toBe('größe 7, a..b');
  });
});
