/** The statements of the nine analyses (section 4 of Chen et al.), each answered by numbers. */
import type { BenchmarkResult } from '../../robustness/benchmarks/evaluation/result.ts';
import { allOf, averageOf, difference, isPositive, minusOf, type Estimate } from '../estimate.ts';
import { showEstimate } from '../format.ts';
import { measure, type DataSide, type Subject } from '../subjects.ts';
import { kernelDistances } from './kernel-distances.ts';
import { kernelGain } from './kernel-gain.ts';
import {
  atPoint,
  compare,
  filesOf,
  overRange,
  rolesOf,
  sidesOf,
  type Claim,
  type Compared,
  type Line,
} from './roles.ts';

type Read = (result: BenchmarkResult) => Estimate | undefined;

/** What is missing where nobody plays a part. */
function lacking(parts: Readonly<Record<string, Subject | undefined>>): string | undefined {
  const missing = Object.entries(parts).flatMap(([name, subject]) => (subject === undefined ? [name] : []));
  return missing.length === 0 ? undefined : `no ${missing.join(' and no ')} was measured on these images`;
}

function lineOf(where: string, compared: readonly Compared[], more: string[] = []): Line {
  return {
    verdict: allOf(compared.map(({ verdict }) => verdict)),
    where,
    words: [...compared.map(({ words }) => words), ...more].join('; '),
    files: [...new Set(compared.flatMap(({ files }) => files))],
  };
}

function undecided(where: string, words: string): Line {
  return { verdict: 'undecided', where, words, files: [] };
}

/** The large-kernel convnet against others on every data side. */
function largeAbove(
  benchmark: string,
  read: Read,
  others: readonly ('small-kernel convnet' | 'transformer')[],
): (subjects: readonly Subject[]) => Line[] {
  return (subjects) =>
    sidesOf(subjects, benchmark, read).map(({ side, where, subjects: own }) => {
      const { large, small, transformers } = rolesOf(own);
      const all = { 'small-kernel convnet': small, transformer: transformers.at(-1) };
      const parts = {
        'large-kernel convnet': large,
        ...Object.fromEntries(others.map((name) => [name, all[name]])),
      };
      const why = lacking(parts);
      if (large === undefined || why !== undefined) return undecided(where, why ?? '');
      return lineOf(
        where,
        others.flatMap((name) => {
          const other = all[name];
          return other === undefined ? [] : [compare([large, other], side, read)];
        }),
      );
    });
}

function labelled(words: string, test: (subjects: readonly Subject[]) => Line[]) {
  return (subjects: readonly Subject[]): Line[] =>
    test(subjects).map((line) => ({ ...line, where: `${words}, ${line.where}` }));
}

/** Accuracy over all ε but 0. */
const underAttack: Read = ({ curves: [curve] = [] }) => {
  const points = (curve?.points ?? []).filter(({ x }) => x > 0);
  return points.length === 0
    ? undefined
    : averageOf(points.map(({ y, low, high }) => ({ value: y, low, high })));
};

/** Wrong of all images over all ε: what transferred. */
const transferred: Read = (result) => {
  const accuracy = underAttack(result);
  if (accuracy === undefined) return undefined;
  const { value, low, high } = minusOf(accuracy);
  return {
    value: 100 + value,
    low: low === undefined ? low : 100 + low,
    high: high === undefined ? high : 100 + high,
  };
};

function transferTest(subjects: readonly Subject[]): Line[] {
  return sidesOf(subjects, 'attack-saved', transferred).map(({ side, where, subjects: own }) => {
    const surrogate = side.example.protocol.settings?.replace(/^.*images of ([^:]*):.*$/, '$1') ?? '';
    const here = `${where}, ${surrogate}`;
    const { large } = rolesOf(own);
    const others = own.filter((subject) => subject !== large);
    if (large === undefined || others.length === 0)
      return undecided(here, 'it takes a large-kernel convnet and another target of the same images');
    return lineOf(
      here,
      others.map((other) => compare([other, large], side, transferred)),
      ['success of the attack, ours lowest if positive'],
    );
  });
}

/** Equal shares of blocks are compared by their mean from 20 % to 40 %. */
function lesionTest(subjects: readonly Subject[]): Line[] {
  const third = overRange('removed', [0.2, 0.4], 'y');
  return sidesOf(subjects, 'lesion', third).map(({ side, where, subjects: own }) => {
    const { large, transformers } = rolesOf(own);
    const [shallow, deep] = [transformers[0], transformers.at(-1)];
    if (large === undefined || shallow === undefined || deep === undefined)
      return undecided(where, 'it takes a large-kernel convnet and transformers');
    const pairs: [Subject, Subject][] = [
      [large, deep],
      ...(shallow === deep ? [] : [[deep, shallow] as [Subject, Subject]]),
    ];
    const more = shallow === deep ? ['only one transformer was measured'] : [];
    const line = lineOf(
      where,
      pairs.map((pair) => compare(pair, side, third)),
      [...more, 'mean over shares from 0.2 to 0.4'],
    );
    return shallow === deep && line.verdict === 'yes' ? { ...line, verdict: 'undecided' } : line;
  });
}

const LOW_BAND = [0.05, 0.2] as const;
const HIGH_BAND = [0.7, 1] as const;

function frequencyTest(subjects: readonly Subject[]): Line[] {
  const [low, high] = [overRange('noise', LOW_BAND, 'change'), overRange('noise', HIGH_BAND, 'change')];
  return sidesOf(subjects, 'frequency', high).map(({ side, where, subjects: own }) => {
    const { large, small, transformers } = rolesOf(own);
    const transformer = transformers.at(-1);
    if (large === undefined || small === undefined || transformer === undefined)
      return undecided(where, 'it takes a large-kernel convnet, a small-kernel convnet and a transformer');
    const bands = [
      ...[large, transformer].map((other) => ({ ...compare([other, small], side, high), band: 'high' })),
      ...[large, small].map((other) => ({ ...compare([other, transformer], side, low), band: 'low' })),
    ];
    return lineOf(where, [
      ...bands.map((one) => ({ ...one, words: `${one.band} frequencies, ${one.words}` })),
      flatness(large, side),
    ]);
  });
}

/** The paper: within 6 points from 0.1π to 0.8π. */
function flatness(large: Subject, side: DataSide): Compared {
  const worst: Read = (result) => {
    const points = result.curves?.find(({ name }) => name === 'noise')?.points ?? [];
    const changes = points.filter(({ x }) => x > 0.05 && x < 0.85).flatMap(({ change }) => change ?? []);
    return [...changes].sort((a, b) => a.value - b.value)[0];
  };
  const found = measure(large, side, worst);
  if (found === undefined) return { verdict: 'undecided', words: 'no band from 0.1π to 0.8π', files: [] };
  return {
    verdict: isPositive(difference(found, { value: -6, low: -6, high: -6 })),
    words: `largest loss of ${large.name} from 0.1π to 0.8π: ${showEstimate(found, 1)} points, within 6 wanted`,
    files: filesOf([found]),
  };
}

/** Variance over the largest, before depth 0.4. */
const early: Read = ({ curves = [] }) => {
  const points = curves.find(({ plot }) => plot === 'variance-scaled')?.points ?? [];
  const found = points.filter(({ x }) => x < 0.4);
  return found.length === 0
    ? undefined
    : averageOf(found.map(({ y, low, high }) => ({ value: y, low, high })));
};

function varianceTest(subjects: readonly Subject[]): Line[] {
  return sidesOf(subjects, 'variance', early).map(({ side, where, subjects: own }) => {
    const { large, small, transformers } = rolesOf(own);
    const others = [small, transformers.at(-1)].filter((other) => other !== undefined);
    if (large === undefined || others.length === 0)
      return undecided(where, 'it takes a large-kernel convnet and another model');
    return lineOf(
      where,
      others.map((other) => compare([other, large], side, early, '')),
      ['mean variance before depth 0.4, largest = 1'],
    );
  });
}

/** Whether it is above the transformer at 90 % of the patches; what it is at 10 % is told beside. */
function crossingTest(subjects: readonly Subject[]): Line[] {
  const last = atPoint('random', 0.9, 'change');
  const first = atPoint('random', 0.1, 'change');
  return sidesOf(subjects, 'occlusion', last).map(({ side, where, subjects: own }) => {
    const { large, transformers } = rolesOf(own);
    const transformer = transformers.at(-1);
    if (large === undefined || transformer === undefined)
      return undecided(where, 'it takes a large-kernel convnet and a transformer');
    const [end, begin] = [
      compare([large, transformer], side, last),
      compare([large, transformer], side, first),
    ];
    return {
      ...lineOf(where, [end]),
      words: `at 90 % of the patches, ${end.words}; at 10 %, ${begin.words}`,
    };
  });
}

export const CLAIMS: readonly Claim[] = [
  {
    number: 1,
    section: '4.1, 4.5',
    statement: 'Without the salient half of the image, a large kernel loses less than a small one.',
    needs: ['occlusion'],
    of: ['RepLKNet-31B', 'RepLKNet-3B'],
    test: largeAbove('occlusion', atPoint('salient', 0.5, 'change'), ['small-kernel convnet']),
  },
  {
    number: 2,
    section: '4.1',
    statement: 'When nearly all patches are dropped at random, a large kernel loses less than a transformer.',
    needs: ['occlusion'],
    of: ['RepLKNet-31B', 'ViT-B'],
    test: crossingTest,
  },
  {
    number: 3,
    section: '4.2',
    statement:
      'Under FGSM and PGD a large kernel keeps more accuracy than a transformer and a small-kernel convnet.',
    needs: ['attack-fgsm', 'attack-pgd'],
    of: ['RepLKNet-31B', 'ViT-B', 'ResNet-50'],
    test: (subjects) =>
      (['fgsm', 'pgd'] as const).flatMap((id) =>
        labelled(
          id.toUpperCase(),
          largeAbove(`attack-${id}`, underAttack, ['transformer', 'small-kernel convnet']),
        )(subjects),
      ),
  },
  {
    number: 4,
    section: '4.2',
    statement: 'Adversarial images made on one model (TAIG) fool a large kernel less than other targets.',
    needs: ['attack-saved'],
    of: ['RepLKNet-31B', 'ResNet-50', 'BiT-r152x4'],
    test: transferTest,
  },
  {
    number: 5,
    section: '4.3',
    statement:
      'Without some of their blocks, a large kernel keeps at least as much accuracy as ViT-L, and ViT-L more than ViT-B.',
    needs: ['lesion'],
    of: ['RepLKNet-31B', 'ViT-L', 'ViT-B'],
    test: lesionTest,
  },
  {
    number: 6,
    section: '4.4',
    statement:
      'Noise of high frequency hurts a small kernel most, of low frequency a transformer; a large kernel is flat between.',
    needs: ['frequency'],
    of: ['RepLKNet-31B', 'ResNet-50', 'ViT-B'],
    test: frequencyTest,
  },
  {
    number: 7,
    section: '4.6',
    statement:
      'Large kernels of shallow layers are a mix of local and global ones, those of deep layers mainly global.',
    needs: ['kernel-distance'],
    of: ['RepLKNet-31B'],
    test: kernelDistances,
  },
  {
    number: 8,
    section: '4.7',
    statement:
      'In the first 0.4 of the depth, feature maps of a large kernel vary less over space than those of others.',
    needs: ['variance'],
    of: ['RepLKNet-31B', 'ViT-B', 'ResNet-50'],
    test: varianceTest,
  },
  {
    number: 9,
    section: '4.9',
    statement: 'Accuracy on clean and on other images rises with every larger kernel.',
    needs: ['val', 'a', 'r'],
    of: ['ConvNeXt-3', 'ConvNeXt-7', 'ConvNeXt-13', 'ConvNeXt-31', 'ConvNeXt-51'],
    test: kernelGain,
  },
];
