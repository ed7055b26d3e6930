/** Which number of ours a column of a paper's table is. */
import { FrameworkError } from '../util/errors.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { isAnalysis } from '../robustness/analyses/registry.ts';
import { metricOfColumn } from '../robustness/benchmarks/reference.ts';
import type { Estimate } from './estimate.ts';
import type { PublishedTable } from './published.ts';

export interface Quantity {
  /** As the paper's column is called. */
  readonly label: string;
  readonly benchmark: string;
  /** How it is computed. */
  readonly protocol: string;
  readonly unit: string;
  readonly digits: number;
  readonly better: 'higher' | 'lower';
  readonly read: (result: BenchmarkResult) => Estimate | undefined;
  /** As `read`, of other data than the paper's, where words of the protocol may differ. */
  readonly readOther: (result: BenchmarkResult) => Estimate | undefined;
  /** As our result calls it: the paper's columns name the images of ImageNet. */
  readonly ownLabel?: (result: BenchmarkResult) => string | undefined;
  /** Why no number of ours is under the paper's protocol. */
  readonly unlike?: string;
}

const UNLIKE: Readonly<Record<string, string>> = {
  'Noise-0.7pi':
    'the paper gives neither amplitude nor distribution of its noise; ours are those of Park & Kim',
  TAIG: 'which 5,000 images were attacked is known to the paper alone',
};

/** Numbers that stand in for others on images of other classes or sizes. */
const STAND_INS: Readonly<Record<string, { readonly metric: string; readonly label: string }>> = {
  mce: { metric: 'mean-error-15', label: 'mean error, 15 corruptions' },
  mfr: { metric: 'mean-flip-probability', label: 'mean flip probability' },
  mt5d: { metric: 'mean-t5d', label: 'mean T5D' },
};

/** The columns of a published table as numbers of ours, in its order. */
export function quantitiesOf({ set, number, columns, id }: PublishedTable): Quantity[] {
  return columns.map((label): Quantity => {
    const eps = /^eps=([\d.]+)$/.exec(label)?.[1];
    if (eps !== undefined) return transferQuantity(label, Number(eps));
    const to = metricOfColumn(set, number, label);
    if (to === undefined)
      throw new FrameworkError('internal/column', `no metric of ours is ${label} of ${id}`);
    const unlike = UNLIKE[label];
    return { ...metricQuantity(label, to), ...(unlike === undefined ? {} : { unlike }) };
  });
}

export function metricQuantity(
  label: string,
  { benchmark, metric: id, protocol }: { benchmark: string; metric: string; protocol: string },
): Quantity {
  const isChange = benchmark === 'occlusion' || benchmark === 'frequency';
  const isLower = [
    'mce',
    'mfr',
    'mt5d',
    'mean-error-15',
    'mean-flip-probability',
    'mean-t5d',
    'bg-gap',
  ].includes(id);
  const digits = /\.\d\d/.test(label) ? 2 : 1;
  return {
    ...{ label, benchmark, protocol, digits, unit: isChange ? 'points' : '%' },
    better: isLower ? 'lower' : 'higher',
    read: (result) => metricOf(result, id, protocol),
    readOther: (result) => metricOf(result, id, ''),
    ownLabel: ({ metrics }) => metrics.find((metric) => metric.id === id)?.label,
  };
}

/** What stands in for a column on other data, or undefined. */
export function standIn(quantity: Quantity, table: PublishedTable): Quantity | undefined {
  const to = metricOfColumn(table.set, table.number, quantity.label);
  const other = to === undefined ? undefined : STAND_INS[to.metric];
  if (to === undefined || other === undefined) return undefined;
  return metricQuantity(other.label, { benchmark: to.benchmark, metric: other.metric, protocol: '' });
}

function metricOf(result: BenchmarkResult, id: string, protocol: string): Estimate | undefined {
  const found = result.metrics.find((metric) => metric.id === id && metric.protocol.startsWith(protocol));
  return found === undefined ? undefined : { value: found.value, low: found.low, high: found.high };
}

/** Wrong of all images, of those that an attack on another model saved. */
function transferQuantity(label: string, eps: number): Quantity {
  const read = ({ curves = [] }: BenchmarkResult): Estimate | undefined => {
    const point = curves[0]?.points.find(({ x }) => Math.abs(x - eps) < 1e-9)?.attack;
    if (point === undefined) return undefined;
    return { value: 100 * (1 - point.accuracy), low: 100 * (1 - point.high), high: 100 * (1 - point.low) };
  };
  return {
    ...{
      label: `ε ${eps}`,
      benchmark: 'attack-saved',
      protocol: 'wrong of all images',
      unit: '%',
      digits: 1,
    },
    better: 'lower',
    read,
    readOther: read,
    unlike: UNLIKE['TAIG'] ?? '',
  };
}

/** Whether a result is of the images of published numbers: the release, all of it, whole. */
export function isRelease({ protocol, complete, benchmark }: BenchmarkResult): boolean {
  const { dataOrigin, subset, difficulty, settings = '' } = protocol;
  // The paper's saliency is DINO's.
  const isSalient = benchmark !== 'occlusion' || settings.includes('dino');
  return complete && dataOrigin === 'release' && subset === 'all' && difficulty === 1 && isSalient;
}

/** Words for the images of a result. */
export function dataWords({ name, benchmark, protocol }: BenchmarkResult): string {
  const { dataOrigin, subset } = protocol;
  const origin = dataOrigin === 'release' ? [] : [dataOrigin];
  const images = subset === 'all' ? [] : [subset];
  const named = isAnalysis(benchmark) ? [] : [name];
  return [...named, ...origin, ...images].join(', ');
}
