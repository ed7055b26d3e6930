import { readFileSync } from 'node:fs';
import { dataFile } from '../../data/classes.ts';

/** A published number beside which ours may be put: only where the protocol is the same. */
export interface Reference {
  readonly benchmark: string;
  /** Id of the metric of our results. */
  readonly metric: string;
  /** Protocol words of our metric start with this. */
  readonly protocol: string;
  readonly model: string;
  readonly value: number;
  readonly source: string;
  /** What to know before comparing. */
  readonly note?: string;
}

interface Column {
  readonly set: string;
  readonly table?: number | readonly number[];
  readonly column: string;
  readonly to: Pick<Reference, 'benchmark' | 'metric' | 'protocol'>;
}

const top1 = (benchmark: string, protocol: string) => ({ benchmark, metric: 'top1', protocol });
const NINE = [
  ['Origin', 'original'],
  ['Mixed-Same', 'mixed_same'],
  ['Mixed-Rand', 'mixed_rand'],
] as const;
const FULL = 'full1000';
const MASKED = 'masked200';
const NORMALISED_15 = '15 corruptions, AlexNet-normalised';

/** Which column of data/paper/tables.json is which of our metrics, and under which protocol. */
const COLUMNS: readonly Column[] = [
  { set: 'lkrobust', table: [6, 7], column: 'ImageNet', to: top1('val', FULL) },
  { set: 'robustcnn_iclr23', column: 'ImageNet', to: top1('val', FULL) },
  { set: 'timm_masked', column: 'ImageNet', to: top1('val', FULL) },
  { set: 'timm_masked', column: 'ImageNet-ReaL', to: top1('real', FULL) },
  {
    set: 'timm_masked',
    column: 'ImageNet-V2 matched-frequency',
    to: top1('v2-matched-frequency', FULL),
  },
  { set: 'bai_neurips21', column: 'ImageNet', to: top1('val', FULL) },
  // The paper's A and R are plain arg-max over 1000 classes; RobustCNN and timm restrict to 200.
  { set: 'lkrobust', table: [5, 6, 7], column: 'ImageNet-A', to: top1('a', FULL) },
  { set: 'paul_chen_aaai22', column: 'ImageNet-A top-1', to: top1('a', FULL) },
  { set: 'timm_masked', column: 'ImageNet-A (masked 200)', to: top1('a', MASKED) },
  { set: 'bai_neurips21', column: 'ImageNet-A', to: top1('a', MASKED) },
  { set: 'lkrobust', table: [5, 6, 7], column: 'ImageNet-R', to: top1('r', FULL) },
  { set: 'paul_chen_aaai22', column: 'ImageNet-R top-1', to: top1('r', FULL) },
  { set: 'timm_masked', column: 'ImageNet-R (masked 200)', to: top1('r', MASKED) },
  { set: 'robustcnn_iclr23', column: 'ImageNet-R', to: top1('r', MASKED) },
  {
    set: 'lkrobust',
    table: 1,
    column: 'mCE',
    to: { benchmark: 'c', metric: 'mce', protocol: NORMALISED_15 },
  },
  {
    set: 'imagenet_c_p_leaderboard',
    column: 'mCE',
    to: { benchmark: 'c', metric: 'mce', protocol: NORMALISED_15 },
  },
  {
    set: 'lkrobust',
    table: [5, 6],
    column: 'ImageNet-C',
    to: { benchmark: 'c', metric: 'accuracy-19-severity-5', protocol: '19 corruptions, severity 5' },
  },
  ...['robustcnn_iclr23', 'bai_neurips21'].map((set) => ({
    set,
    column: 'ImageNet-C',
    to: { benchmark: 'c', metric: 'mean-error-15', protocol: '15 corruptions, un-normalised' },
  })),
  {
    set: 'lkrobust',
    table: 5,
    column: 'ImageNet-O',
    to: { benchmark: 'o', metric: 'aupr', protocol: 'softmax over 200' },
  },
  {
    set: 'lkrobust',
    table: 5,
    column: 'Salient-Drop-50%',
    to: { benchmark: 'occlusion', metric: 'salient-50', protocol: 'fill zero' },
  },
  {
    set: 'lkrobust',
    table: 5,
    column: 'Noise-0.7pi',
    to: { benchmark: 'frequency', metric: 'noise-0.7pi', protocol: 'amplitude' },
  },
  ...['lkrobust', 'imagenet_c_p_leaderboard'].flatMap((set) =>
    (['mFR', 'mT5D'] as const).map((column) => ({
      set,
      column,
      to: {
        benchmark: 'p' as const,
        metric: column.toLowerCase(),
        protocol: '10 perturbations, AlexNet-normalised',
      },
    })),
  ),
  ...['lkrobust', 'imagenet9_official'].flatMap((set) => [
    ...NINE.map(([column, metric]) => ({
      set,
      column,
      to: { benchmark: '9' as const, metric, protocol: 'mapped9' },
    })),
    { set, column: 'BG-Gap', to: { benchmark: '9' as const, metric: 'bg-gap', protocol: 'Mixed-Same' } },
  ]),
  { set: 'robustcnn_iclr23', column: 'ImageNet-Sketch', to: top1('sketch', FULL) },
  { set: 'timm_masked', column: 'ImageNet-Sketch', to: top1('sketch', FULL) },
  { set: 'robustcnn_iclr23', column: 'Stylized-ImageNet', to: top1('stylized', FULL) },
  { set: 'bai_neurips21', column: 'Stylized-ImageNet', to: top1('stylized', FULL) },
];

/** The metric of ours that a published column is, with its protocol; undefined where none is. */
export function metricOfColumn(
  set: string,
  table: number | undefined,
  column: string,
): Pick<Reference, 'benchmark' | 'metric' | 'protocol'> | undefined {
  return COLUMNS.find(
    (known) =>
      known.set === set &&
      known.column === column &&
      (known.table === undefined || (table !== undefined && [known.table].flat().includes(table))),
  )?.to;
}

/** Names of the sources as columns of a report can show them. */
export const SOURCES: Readonly<Record<string, string>> = {
  lkrobust: 'Chen et al., ICML 2024',
  robustcnn_iclr23: 'Wang et al., ICLR 2023',
  bai_neurips21: 'Bai et al., NeurIPS 2021',
  timm_masked: 'timm results',
  paul_chen_aaai22: 'Paul & Chen, AAAI 2022',
  imagenet9_official: 'Xiao et al., ICLR 2021',
  imagenet_c_p_leaderboard: 'hendrycks/robustness',
};

interface PaperFile {
  readonly [set: string]: {
    readonly records: readonly {
      readonly table?: number;
      readonly model: string;
      readonly column: string;
      readonly value: number | null;
    }[];
  };
}

let known: readonly Reference[] | undefined;

/** Every published number that one of our metrics can be compared with. */
export function references(): readonly Reference[] {
  known ??= readReferences();
  return known;
}

function readReferences(): Reference[] {
  const file = JSON.parse(readFileSync(dataFile('paper/tables.json'), 'utf8')) as PaperFile;
  return COLUMNS.flatMap(({ set, table, column, to }) => {
    const tables = table === undefined ? undefined : [table].flat();
    return (file[set]?.records ?? []).flatMap((record): Reference[] => {
      const isWanted = tables === undefined || (record.table !== undefined && tables.includes(record.table));
      if (record.column !== column || !isWanted || record.value === null) return [];
      const source = `${SOURCES[set] ?? set}${record.table === undefined ? '' : `, Table ${record.table}`}`;
      const note = noteOf(set, record.table, record.model, column);
      return [
        { ...to, model: record.model, value: record.value, source, ...(note === undefined ? {} : { note }) },
      ];
    });
  });
}

function noteOf(set: string, table: number | undefined, model: string, column: string): string | undefined {
  if (set === 'lkrobust' && table === 1 && model === 'RepLKNet-31B')
    return 'very probably an un-normalised mean error printed among normalised ones';
  if (set === 'lkrobust' && table === 2 && model === 'ResNet-50' && column === 'mT5D')
    return 'the leaderboard gives 78.4';
  return undefined;
}

/** Letters and digits only, lower case: `ConvNeXt-T` and `convnext_t` are one name. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Published values of one of our metrics; with `model` only those of that model. */
export function referencesFor(
  benchmark: string,
  metric: { readonly id: string; readonly protocol: string },
  model?: string,
): Reference[] {
  return references().filter(
    (reference) =>
      reference.benchmark === benchmark &&
      reference.metric === metric.id &&
      metric.protocol.startsWith(reference.protocol) &&
      (model === undefined || plain(reference.model) === plain(model)),
  );
}
