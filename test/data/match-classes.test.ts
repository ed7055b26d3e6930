import { describe, expect, it } from 'vitest';
import { classList, imagenetClasses, imagenetSubset } from '../../src/data/classes.ts';
import { chosenClasses, parseClassFile } from '../../src/data/class-choice.ts';
import type { ClassCount, ClassList, Dataset } from '../../src/data/dataset.ts';
import { tableDataset } from '../../src/data/dataset.ts';
import { namedClasses, numberedClasses } from '../../src/data/found-classes.ts';
import { withClasses } from '../../src/data/match-classes.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { temporaryFolder, writeTree } from './fixtures.ts';

const rest = { name: 'data/val', notes: [], load: async () => new Uint8Array(), close: async () => undefined };

/** A data set with an image of each class, in folders of these names. */
function folders(...ids: string[]): Dataset {
  return tableDataset({ ...rest, ...namedClasses(ids), keys: ids.map((id) => `${id}/x.png`) });
}

/** A data set of numbers without names. */
function numbered(...labels: number[]): Dataset {
  const keys = labels.map((_, i) => `image-${i}`);
  return tableDataset({ ...rest, ...numberedClasses(keys, labels), keys });
}

function labelsOf(data: Dataset, target: ClassList | ClassCount): number[] {
  const matched = withClasses(data, target);
  return Array.from({ length: matched.length }, (_, i) => matched.label(i));
}

function refusal(data: Dataset, target: ClassList | ClassCount): string {
  try {
    withClasses(data, target);
  } catch (error) {
    if (error instanceof FrameworkError) return `${error.code} | ${error.message} | ${error.hint ?? ''}`;
    throw error;
  }
  return 'none';
}

const own = (...ids: string[]): ClassList => ({
  name: 'the run r',
  classes: ids.map((id) => ({ id, name: id })),
});
const pets = own('ant', 'bee', 'cat', 'dog');
const imagenet = classList('imagenet-1k');

describe('labels are matched by name', () => {
  it('with a list of its own: whichever folders are there', () => {
    expect(labelsOf(folders('bee', 'cat', 'dog'), pets)).toEqual([1, 2, 3]);
    expect(labelsOf(folders('dog', 'ant'), pets)).toEqual([3, 0]);
    expect(withClasses(folders('dog'), pets).classes).toBe(pets.classes);
    // A list in another order than that of names, as a file may give it.
    expect(labelsOf(folders('ant', 'dog'), own('dog', 'bee', 'ant'))).toEqual([2, 0]);
    // Class folders named by numbers are names: torchvision's order is that of text.
    expect(labelsOf(folders('2', '10'), own('0', '1', '10', '2'))).toEqual([3, 2]);
  });

  it('in whichever way a letter is encoded', () => {
    expect(labelsOf(folders('cafe\u0301', 'bee'), own('bee', 'caf\u00e9'))).toEqual([1, 0]);
    expect(refusal(folders('caf\u00e9'), own('cafe\u0301', 'caf\u00e9'))).toContain('data/ambiguous-class');
  });

  it('unknown classes are named, with the nearest known', () => {
    expect(refusal(folders('ant', 'bee', 'emu', 'yak'), pets)).toBe(
      'data/unknown-class | data/val: 2 classes are not among the 4 of the run r: emu, yak | ' +
        'did you mean cat for yak?',
    );
    expect(refusal(folders('Ant', 'bee'), pets)).toContain('of the run r: Ant | did you mean ant for Ant?');
    expect(refusal(folders('0', '1', '2', '3'), pets)).toContain('of the run r: 0, 1, 2, 3 |');
    expect(refusal(folders('hippopotamus'), pets)).toContain('known are ant, bee, cat, dog');
  });

  it('a class without images is no class of the data', () => {
    const keys = ['a', 'b'];
    const classes = ['ant', 'unicorn', 'bee'].map((id) => ({ id, name: id }));
    const data = tableDataset({ ...rest, classes, labels: [0, 2], keys });
    expect(labelsOf(data, pets)).toEqual([0, 1]);
  });

  it('ImageNet by wnid, word or index', () => {
    expect(labelsOf(folders('n01443537', 'n01440764'), imagenet)).toEqual([1, 0]);
    expect(labelsOf(folders('goldfish', 'tench', 'great_white_shark'), imagenet)).toEqual([1, 0, 2]);
    expect(labelsOf(folders('1', '0', '999'), imagenet)).toEqual([1, 0, 999]);
    expect(labelsOf(folders('0001', '0010'), imagenet)).toEqual([1, 10]);
    expect(withClasses(folders('tench'), imagenet).matchedBy).toBe('word');
    const r = imagenetSubset('r');
    expect(labelsOf(folders(...r.wnids), imagenet)).toEqual(r.indices1k);
  });

  it('ImageNet: several ways in one data set, and words of two classes, are refused', () => {
    expect(refusal(folders('n01440764', 'n01443537', 'goldfinch'), imagenet)).toContain(
      'data/mixed-classes | data/val: 2 of 3 classes are named by wnid, others by word: goldfinch',
    );
    expect(refusal(folders('1', 'tench', 'goldfinch'), imagenet)).toContain('named by word, others by index: 1');
    expect(refusal(folders('crane', 'tench'), imagenet)).toContain(
      'data/ambiguous-class | data/val: "crane" may be class 134 (n02012849) and 517 (n03126707)',
    );
    expect(refusal(folders('Tench', 'tench'), imagenet)).toContain('"Tench" and "tench" are both class 0');
    expect(refusal(folders('n01440764', 'n99999999'), imagenet)).toContain('of imagenet-1k: n99999999');
    expect(refusal(folders('1000'), imagenet)).toContain('data/unknown-class');
  });

  it('a part of ImageNet is matched by wnid and word, not by index', () => {
    const part: ClassList = { name: 'the run r', classes: [1, 0, 134].map((i) => imagenetClasses()[i]!) };
    expect(labelsOf(folders('n01440764', 'n02012849'), part)).toEqual([1, 2]);
    expect(labelsOf(folders('tench', 'crane'), part)).toEqual([1, 2]);
    expect(refusal(folders('0', '1'), part)).toContain('data/unknown-class');
    expect(refusal(numbered(0, 1), part)).toContain('data/ambiguous-class');
  });

  it('numbers without names are indices, within the list', () => {
    expect(labelsOf(numbered(3, 0), pets)).toEqual([3, 0]);
    expect(labelsOf(numbered(0, 517), imagenet)).toEqual([0, 517]);
    expect(refusal(numbered(0, 4), pets)).toContain(
      'data/bad-label | data/val: labels go up to 4, but the run r has 4 classes, 0 to 3',
    );
    expect(refusal(numbered(0, 1), own('0', '1', '10', '2'))).toContain('data/ambiguous-class');
    expect(labelsOf(numbered(2, 0), own('0', '1', '2'))).toEqual([2, 0]);
  });

  it('numbers whose keys tell the wnid have names', () => {
    const data = numberedClasses(['n01440764/a.jpg', 'n02012849/b.jpg'], [0, 134]);
    expect(data.classes.map(({ id }) => id)).toEqual(['n01440764', 'n02012849']);
    expect([...Array.from(data.labels)]).toEqual([0, 1]);
  });
});

describe('weights whose classes have no names', () => {
  const count = (n: number): ClassCount => ({ name: 'w.pth', count: n });
  const sorted = (n: number): ClassCount => ({ ...count(n), isSorted: true });

  it('take folders in sorted order where that was said', () => {
    expect(labelsOf(folders('bee', 'ant'), sorted(2))).toEqual([1, 0]);
    expect(withClasses(folders('bee', 'ant'), sorted(2)).matchedBy).toBe('position');
    const twelve = Array.from({ length: 12 }, (_, i) => String(i));
    expect(labelsOf(folders('2', '10', ...twelve.filter((id) => id !== '2' && id !== '10')), sorted(12))).toEqual([
      4, 2, 0, 1, 5, 6, 7, 8, 9, 10, 11, 3,
    ]);
    expect(refusal(folders('ant', 'bee'), sorted(3))).toContain('data/class-count');
  });

  it('refuse an order that nobody said, and tell how to say it', () => {
    expect(refusal(folders('bee', 'ant'), count(2))).toContain(
      'data/class-order | w.pth names no classes: which of its 2 outputs is which of ant, bee in data/val is not known',
    );
    expect(() => withClasses(folders('bee', 'ant'), count(2))).toThrowError(
      expect.objectContaining({ hint: expect.stringMatching(/--set data\.classes=<file>.*--set data\.classes=folders/) as string }) as Error,
    );
  });

  it('take a list that comes with the project where all its words are there', () => {
    const words = classList('cifar10').classes.map(({ id }) => id);
    const data = withClasses(folders(...words.toReversed()), count(10));
    expect(data).toMatchObject({ matchedBy: 'id', classes: classList('cifar10').classes });
    expect(labelsOf(folders(...words.toReversed()), count(10))).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(refusal(folders(...words.slice(1)), count(9))).toContain('data/class-order');
    expect(refusal(folders(...words.slice(1)), count(10))).toContain('data/class-count');
  });

  it('take numbers', () => {
    expect(labelsOf(folders('7', '0'), count(10))).toEqual([7, 0]);
    expect(labelsOf(folders('07', '11'), count(12))).toEqual([7, 11]);
    expect(labelsOf(numbered(1), count(3))).toEqual([1]);
  });

  it('refuse what is not clear', () => {
    expect(refusal(folders('ant', 'bee'), count(3))).toContain('data/val has 2 classes and w.pth has 3');
    const twelve = Array.from({ length: 12 }, (_, i) => String(i));
    expect(refusal(folders(...twelve), count(12))).toContain('the class "0" may be meant by its number');
    expect(refusal(numbered(3), count(3))).toContain('data/bad-label');
  });
});

describe('data.classes', () => {
  it('chooses a list', () => {
    expect(chosenClasses('auto', null)).toBeUndefined();
    expect(chosenClasses('auto', 'cifar10')).toEqual(classList('cifar10'));
    expect(chosenClasses('folders', 'imagenet-1k')).toBe('folders');
    expect(chosenClasses('imagenet-1k', null)).toEqual(imagenet);
    expect(() => chosenClasses('imagenet-1', null)).toThrowError(
      expect.objectContaining({ hint: 'did you mean imagenet-1k?' }) as Error,
    );
  });

  it('reads a file of one class per line', () => {
    const root = writeTree(temporaryFolder(), { 'list.txt': 'dog\r\nant\tan ant\n\nn01440764 tench, Tinca tinca\n' });
    const path = `${root}/list.txt`;
    expect(chosenClasses(path, null)).toEqual({
      name: path,
      classes: [
        { id: 'dog', name: 'dog' },
        { id: 'ant', name: 'an ant' },
        { id: 'n01440764', name: 'tench, Tinca tinca' },
      ],
    });
    expect(() => parseClassFile('l', 'a\nb\na')).toThrow('the class list l has "a" twice');
    expect(() => parseClassFile('l', '\n')).toThrow('has 0 classes');
    expect(parseClassFile('l', 'ankle boot\nbag').map(({ id }) => id)).toEqual(['ankle boot', 'bag']);
  });
});

it('two classes of one name are refused', () => {
  const classes = ['crane', 'crane'].map((id) => ({ id, name: id }));
  const data = tableDataset({ ...rest, classes, labels: [0, 1], keys: ['a', 'b'] });
  expect(() => withClasses(data, 'folders')).toThrow('data/val has two classes named "crane"');
});

describe('numbers of a data set known by name', () => {
  const words = ['t-shirt/top', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot'];
  const clothes = classList('fashion-mnist');
  const match = (target: ClassList) => withClasses(numbered(0, 3, 9), target, clothes);

  it('are its own words where the list that was said is of those, in whatever order', () => {
    const matched = match(own(...[...words].sort()));
    expect([0, 1, 2].map((i) => matched.classes[matched.label(i)]?.id)).toEqual(['t-shirt/top', 'dress', 'ankle boot']);
    expect(match(clothes).matchedBy).toBe('number');
  });

  it.each(['cifar10', 'mnist'] as const)('are none of %s', (name) => {
    expect(() => match(classList(name))).toThrow(/10 classes are not among|3 classes are not among/);
    expect(() => match(own(...words.slice(1), 'hat'))).toThrow('t-shirt/top');
  });

  it('are places in a list of other words, and in any where its own are numbers', () => {
    const other = own(...'abcdefghij');
    expect(match(other).matchedBy).toBe('number');
    const digits = withClasses(numbered(0, 3, 9), clothes, classList('mnist'));
    expect([0, 1, 2].map((i) => digits.label(i))).toEqual([0, 3, 9]);
  });
});
