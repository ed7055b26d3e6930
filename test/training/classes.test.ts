import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classList } from '../../src/data/classes.ts';
import { classMetadata, classesOfMetadata } from '../../src/data/class-metadata.ts';
import type { ClassList } from '../../src/data/dataset.ts';
import { openDataset } from '../../src/data/datasets.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import type { Recipe } from '../../src/recipe/schema.ts';
import { checkSameClasses, keepClasses, matchSplits, storedClasses } from '../../src/training/classes.ts';
import { datasetOf } from '../../src/training/data.ts';
import { headRows, takeRows } from '../../src/training/weights/initial-head.ts';
import {
  classesOfFile,
  classesOfRun,
  describeLabels,
  namesOf,
} from '../../src/training/weights/model-classes.ts';
import { runFolder } from '../../src/training/run/run-folder.ts';
import { golden, temporaryFolder, writeTree } from '../data/fixtures.ts';

const image = readFileSync(golden('images/train/n01440764/n01440764_10.JPEG'));

/** Class folders of one image each. */
function tree(splits: Record<string, readonly string[]>): string {
  const files = Object.entries(splits).flatMap(([split, classes]) =>
    classes.map((name) => [`${split}/${name}/x.jpg`, image] as const),
  );
  return writeTree(temporaryFolder(), Object.fromEntries(files));
}

async function recipeFor(root: string, ...overrides: string[]): Promise<Recipe> {
  const data = ['data.dataset=image-folder', `data.root=${root}`];
  return (await loadRecipe('convnext-atto', [...data, ...overrides])).recipe;
}

async function match(root: string, ...overrides: string[]): Promise<{ list: ClassList; said: string[] }> {
  const recipe = await recipeFor(root, ...overrides);
  const training = await openDataset(datasetOf(recipe, 'train'));
  const said: string[] = [];
  const list = await matchSplits(recipe, training, (line) => said.push(line.replaceAll(root, '.')));
  return { list, said };
}

const ids = ({ classes }: ClassList): string[] => classes.map(({ id }) => id);
const pets = ['ant', 'bee', 'cat', 'dog'];

describe('both splits count in the classes of training', () => {
  it('a class without evaluation images is said', async () => {
    const root = tree({ train: pets, val: ['bee', 'cat', 'dog'] });
    const { list, said } = await match(root);
    expect(ids(list)).toEqual(pets);
    expect(said).toEqual([
      '4 classes, names found in ./train (data.classes: auto): ant, bee, cat, dog',
      './val has no images of 1 of 4 classes: ant',
    ]);
    const val = await openDataset(datasetOf(await recipeFor(root), 'val', list));
    expect([0, 1, 2].map((i) => val.label(i))).toEqual([1, 2, 3]);
  });

  it('other classes, an additional one, and another case are errors', async () => {
    const refused = (val: string[]) => expect(match(tree({ train: pets, val }))).rejects;
    await refused(['bee', 'cow', 'emu']).toThrow(/val: 2 classes are not among the 4 of .*train: cow, emu/);
    await refused([...pets, 'eel']).toThrow(/1 class is not among the 4 of .*train: eel/);
    await refused(['Ant', 'bee']).toMatchObject({
      code: 'data/unknown-class',
      hint: 'did you mean ant for Ant?',
    });
  });

  it('wnid folders make a class each, unless a list is chosen', async () => {
    const root = tree({ train: ['n01440764', 'n02012849'], val: ['n02012849'] });
    expect((await match(root)).list.classes).toEqual([
      { id: 'n01440764', name: 'tench' },
      { id: 'n02012849', name: 'crane' },
    ]);
    const chosen = await match(root, 'data.classes=imagenet-1k');
    expect(chosen.list.classes).toHaveLength(1000);
    expect(chosen.said[0]).toMatch(
      /^1000 classes, of imagenet-1k \(data.classes: imagenet-1k\), matched by wnid: /,
    );
    expect(chosen.said[1]).toMatch(
      /^\.\/train has no images of 998 of 1000 classes: n01443537 \(goldfish\), .*…/,
    );
    // The data set ImageNet has its own list.
    expect((await match(root, 'data.dataset=imagenet')).list.classes).toHaveLength(1000);
    expect((await match(root, 'data.dataset=imagenet', 'data.classes=folders')).list.classes).toHaveLength(2);
  });

  it('a file orders the classes', async () => {
    const root = tree({ train: ['ant', 'bee'], val: ['ant'] });
    const file = join(root, 'classes.txt');
    writeFileSync(file, 'bee\nant\n');
    expect(ids((await match(root, `data.classes=${file}`)).list)).toEqual(['bee', 'ant']);
    writeFileSync(file, 'ant\ncat\n');
    await expect(match(root, `data.classes=${file}`)).rejects.toThrow(
      /train: 1 class is not among the 2 of .*: bee/,
    );
  });

  it('a model of another number of classes is refused', async () => {
    const root = tree({ train: pets, val: pets });
    await expect(match(root, 'model.classes=1000')).rejects.toThrow(
      /model.classes is 1000, but data.classes: auto gives 4/,
    );
    expect((await match(root, 'model.classes=4')).list.classes).toHaveLength(4);
    await expect(match(tree({ train: ['ant'], val: ['ant'] }))).rejects.toMatchObject({
      code: 'model/classes',
    });
  });

  it('folders that are numbers: the order of text is said', async () => {
    const numbers = ['1', '2', '10'];
    const { list, said } = await match(tree({ train: numbers, val: numbers }));
    expect(ids(list)).toEqual(['1', '10', '2']);
    expect(said[1]).toContain('10 comes before 2');
  });
});

describe('the list of a run', () => {
  const list: ClassList = { name: 'x/train', classes: ['ant', 'bee'].map((id) => ({ id, name: id })) };

  it('is kept, sealed, and compared when the run goes on', async () => {
    const folder = runFolder(temporaryFolder());
    expect(await storedClasses(folder)).toBeUndefined();
    const said: string[] = [];
    const note = (line: string) => said.push(line);
    await checkSameClasses(folder, list, note);
    expect(said[0]).toContain('keeps no class list');
    await keepClasses(folder, list);
    expect(await storedClasses(folder)).toEqual({ ...list, name: `the run ${folder.root}` });
    await checkSameClasses(folder, list, note);
    expect(said).toHaveLength(1);
    const now = (...names: string[]) =>
      expect(
        checkSameClasses(folder, { name: 'x/train', classes: names.map((id) => ({ id, name: id })) }, note),
      ).rejects;
    await now('ant', 'bee', 'cat').toThrow(/trained with 2 classes, and x\/train now has 3; new: cat\./);
    await now('ant', 'cow').toThrow(/gone: bee; new: cow/);
    await now('bee', 'ant').toThrow(/the same in another order/);
    writeFileSync(folder.classes, readFileSync(folder.classes, 'utf8').replace('bee', 'bea'));
    await expect(storedClasses(folder)).rejects.toMatchObject({ code: 'file/damaged' });
  });

  it('names the outputs, whatever folders are there later', async () => {
    const folder = runFolder(temporaryFolder());
    await keepClasses(folder, list);
    const root = tree({ train: ['bee', 'cow'], val: ['bee'] });
    const recipe = await recipeFor(root);
    const classes = await classesOfRun(folder, recipe, 2, false);
    expect(namesOf(classes).map(({ id }) => id)).toEqual(['ant', 'bee']);
    const val = await openDataset(datasetOf(recipe, 'val', classes.target));
    expect(val.label(0)).toBe(1);
    expect(describeLabels(val, classes)).toEqual({
      lines: [`${val.name} has no images of 1 of 2 classes: ant`],
      record: { count: 2, matchedBy: 'name', missing: 1 },
    });
    await expect(openDataset(datasetOf(recipe, 'train', classes.target))).rejects.toThrow(
      /of the run .*: cow/,
    );
    await expect(classesOfRun(folder, recipe, 3, false)).rejects.toThrow(
      /has 2 classes, but the model has 3 outputs/,
    );
    const other = await recipeFor(root, 'data.classes=cifar10');
    await expect(classesOfRun(folder, other, 2, true)).rejects.toThrow(
      /data.classes is cifar10, but the run/,
    );
  });

  it('of before it was kept is taken from the training images, and said', async () => {
    const folder = runFolder(temporaryFolder());
    const root = tree({ train: pets, val: ['dog'] });
    const recipe = await recipeFor(root);
    const classes = await classesOfRun(folder, recipe, 4, false);
    expect(classes.assumed).toContain(
      'keeps no class list; the classes are taken from its training images as they are now',
    );
    const val = await openDataset(datasetOf(recipe, 'val', classes.target));
    expect(val.label(0)).toBe(3);
    expect(describeLabels(val, classes).lines[0]).toBe(classes.assumed);
    rmSync(join(root, 'train'), { recursive: true });
    const lost = await classesOfRun(folder, recipe, 4, false);
    expect(lost.target).toEqual({ name: `the run ${folder.root}`, count: 4 });
    await expect(openDataset(datasetOf(recipe, 'val', lost.target))).rejects.toMatchObject({
      code: 'data/class-count',
    });
    const cifar = (await loadRecipe('convnext-atto', ['data.dataset=cifar10', 'data.root=x'])).recipe;
    expect((await classesOfRun(folder, cifar, 10, false)).target).toEqual(classList('cifar10'));
  });
});

describe('the classes of a file of weights', () => {
  const nothing = { classes: undefined, dataset: undefined };
  const metadata = new Map(
    Object.entries(
      classMetadata([
        { id: 'n01440764', name: 'tench' },
        { id: 'b', name: 'b' },
      ]),
    ),
  );

  it('are those of its metadata', () => {
    expect([...metadata]).toEqual([
      ['classes', '["n01440764","b"]'],
      ['class_names', '["tench","b"]'],
    ]);
    const { target, isKnown } = classesOfFile('w', metadata, 2, nothing);
    expect(target).toEqual({ name: 'w', classes: classesOfMetadata(metadata) });
    expect(isKnown).toBe(true);
    expect(() => classesOfFile('w', metadata, 3, nothing)).toThrow(
      'w has 2 classes, but the model has 3 outputs',
    );
    expect(() => classesOfFile('w', metadata, 2, { ...nothing, classes: 'cifar10' })).toThrow(
      'data.classes is cifar10',
    );
    // Others may keep something else under that name.
    for (const text of ['1000', 'cat,dog', '["a","a"]', '{"0":"a"}'])
      expect(classesOfMetadata(new Map([['classes', text]]))).toBeUndefined();
  });

  it('or those that are said, ImageNet for 1000, or counted', () => {
    const none = new Map<string, string>();
    expect(classesOfFile('w', none, 10, { ...nothing, dataset: 'cifar10' }).target).toEqual(
      classList('cifar10'),
    );
    expect(classesOfFile('w', none, 100, { ...nothing, classes: 'cifar100' }).target).toEqual(
      classList('cifar100'),
    );
    expect(() => classesOfFile('w', none, 10, { ...nothing, classes: 'cifar100' })).toThrow(
      'cifar100 has 100 classes',
    );
    const imagenet = classesOfFile('w', none, 1000, nothing);
    expect(imagenet.target).toEqual(classList('imagenet-1k'));
    expect(imagenet.assumed).toBe(
      "w names no classes; its 1000 outputs are taken for ImageNet's in the order of the wnids",
    );
    expect(classesOfFile('w', none, 1000, { ...nothing, classes: 'folders' }).target).toEqual({
      name: 'w',
      count: 1000,
      isSorted: true,
    });
    expect(classesOfFile('w', none, 3, nothing).target).toEqual({ name: 'w', count: 3 });
    expect(() => classesOfFile('w', metadata, 2, { ...nothing, classes: 'folders' })).toThrow(
      'data.classes is folders, but w has a list of its own',
    );
    expect(namesOf(classesOfFile('w', none, 2, nothing)).map(({ name }) => name)).toEqual([
      'class 0',
      'class 1',
    ]);
  });
});

describe('images for a file that names no classes', () => {
  const lines = async (names: readonly string[], count: number, said?: string) => {
    const classes = classesOfFile('w', new Map(), count, { classes: said, dataset: undefined });
    const val = await openDataset({
      kind: 'folder',
      root: tree({ val: names }),
      split: 'val',
      classes: classes.target,
    });
    return describeLabels(val, classes).lines.map((line) => line.replaceAll(/\/\S*\/val/g, 'val'));
  };

  it('have no order until it is said', async () => {
    await expect(lines(pets, 4)).rejects.toMatchObject({
      code: 'data/class-order',
      hint: expect.stringContaining('--set data.classes=folders') as string,
    });
    expect(await lines(pets, 4, 'folders')).toEqual([
      'w names no classes; its outputs are taken for the folders in sorted order, as data.classes=folders says',
    ]);
  });

  it('may be of a list that comes with the project', async () => {
    expect(await lines(ids(classList('cifar10')), 10)).toEqual([
      "w names no classes; those of val are cifar10's, whose order its outputs are taken to have",
    ]);
  });
});

describe('a classifier to start from', () => {
  const run = (...names: string[]): ClassList => ({
    name: 'r',
    classes: names.map((id) => ({ id, name: id })),
  });
  const bare = { metadata: new Map<string, string>() };
  const file = (...names: string[]) => ({
    metadata: new Map(Object.entries(classMetadata(run(...names).classes))),
  });

  it('gives its rows by name', async () => {
    expect((await headRows('w', file('a', 'b'), 2, run('a', 'b'), 'auto')).rows).toBeUndefined();
    expect((await headRows('w', file('a', 'b', 'c'), 3, run('c', 'a'), 'auto')).rows).toEqual([2, 0]);
    expect(takeRows(Float32Array.of(1, 2, 3, 4, 5, 6), 3, [2, 0])).toEqual(Float32Array.of(5, 6, 1, 2));
    const imagenet = await headRows('w', bare, 1000, run('n01443537', 'n01440764'), 'auto');
    expect(imagenet.rows).toEqual([1, 0]);
    expect(imagenet.note).toContain("taken for ImageNet's");
  });

  it('is refused where it lacks a class', async () => {
    await expect(headRows('w', file('a', 'b'), 2, run('a', 'z'), 'auto')).rejects.toThrow(
      "w knows 2 classes (a, b), but not 1 of the run's 2: z.",
    );
  });

  it('that names no classes needs their order said, as in evaluation', async () => {
    await expect(headRows('w', bare, 2, run('a', 'b'), 'auto')).rejects.toMatchObject({
      code: 'data/class-order',
      message: 'w names no classes: which of its 2 outputs is which of a, b in r is not known',
      hint: expect.stringMatching(/--set data.classes=folders; or .*init\.dropHead=true/) as unknown,
    });
    for (const choice of ['folders', 'list.txt']) {
      const { rows, note } = await headRows('w', bare, 2, run('a', 'b'), choice);
      expect(rows).toBeUndefined();
      expect(note).toContain(
        `w names no classes: the order of its classifier is taken to be that of data.classes: ${choice}`,
      );
    }
    const { classes } = classList('cifar10');
    const known = await headRows('w', bare, 10, { name: 'r', classes: [...classes].reverse() }, 'auto');
    expect(known.rows).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect((await headRows('w', bare, 3, run('0', '2', '1'), 'auto')).rows).toEqual([0, 2, 1]);
    // Another number is told by the classifier's shape.
    expect((await headRows('w', bare, 3, run('a', 'b'), 'auto')).rows).toBeUndefined();
  });

  it('of a run knows what the run keeps', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'recipe.yaml'), '');
    await keepClasses(runFolder(root), run('b', 'a'));
    expect((await headRows(root, bare, 2, run('a', 'b'), 'auto')).rows).toEqual([1, 0]);
  });
});
