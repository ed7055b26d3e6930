import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isImageName, type Note } from '../../data/dataset.ts';
import { dataFile } from '../../data/classes.ts';
import { decodeImage } from '../../data/image/decode.ts';
import { walkFiles } from '../../data/readers/walk.ts';
import { InferenceSession } from '../../models/inference.ts';
import { choice, field } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import { evaluateBenchmark } from '../benchmarks/evaluation/evaluate.ts';
import type { Benchmark } from '../benchmarks/benchmark.ts';
import type { Part } from '../benchmarks/images/parts.ts';
import { selectItems } from '../benchmarks/images/selection.ts';
import { sessionClassifier } from '../classifier/session-classifier.ts';
import { argmax, proportion, softmax } from '../metrics/accuracy.ts';
import { accuracyMetric, percent, type Metric } from '../scoring/metric.ts';
import { NOTHING_SCORED, type Scoring } from '../scoring/scoring.ts';
import { count, seen, tallyOf, type Tally } from '../scoring/tally.ts';
import { readFileSync } from 'node:fs';
import { defineAnalysis, settingWords, type AnalysisContext } from './analysis.ts';

const settings = {
  aggregation: field(
    choice('mean', 'sum', 'max'),
    'mean',
    'How the probabilities of ImageNet’s classes become one of a category.',
    { source: 'bethgelab/model-vs-human: datasets/decision_mappings.py' },
  ),
} as const;

type Aggregation = 'mean' | 'sum' | 'max';

interface Categories {
  readonly categories: Readonly<Record<string, readonly number[]>>;
}

let known: ReadonlyMap<string, readonly number[]> | undefined;

/** The 16 categories of the stimuli and the ImageNet classes of each, in alphabetical order. */
export function categories(): ReadonlyMap<string, readonly number[]> {
  known ??= new Map(
    Object.entries(
      (JSON.parse(readFileSync(dataFile('imagenet/cue-conflict.json'), 'utf8')) as Categories).categories,
    ),
  );
  return known;
}

/** The category of logits (1000): that of the largest aggregated probability. */
export function decide(logits: Float32Array, aggregation: Aggregation): number {
  const probabilities = softmax(logits);
  return argmax(
    [...categories().values()].map((classes) => {
      const values = classes.map((index) => probabilities[index] as number);
      if (aggregation === 'max') return Math.max(...values);
      const sum = values.reduce((total, value) => total + value, 0);
      return aggregation === 'sum' ? sum : sum / classes.length;
    }),
  );
}

const NAME = /^([a-z]+)\d+-([a-z]+)\d+\.\w+$/;

/** Shape and texture of a stimulus, `cat7-elephant3.png`, as positions in the list of categories. */
export function cuesOf(file: string): readonly [shape: number, texture: number] | undefined {
  const [, shape = '', texture = ''] = NAME.exec(basename(file)) ?? [];
  const names = [...categories().keys()];
  const cues = [names.indexOf(shape), names.indexOf(texture)] as const;
  return cues.includes(-1) ? undefined : cues;
}

/** The stimuli below a folder whose cues conflict. A label is shape · 16 + texture. */
async function stimuli(root: string): Promise<Part> {
  const notes: Note[] = [];
  const found = (await walkFiles(root, '', notes)).filter(isImageName).flatMap((key) => {
    const cues = cuesOf(key);
    return cues === undefined ? [] : [{ key, cues }];
  });
  const conflicting = found
    .filter(({ cues: [shape, texture] }) => shape !== texture)
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  if (conflicting.length === 0)
    throw new FrameworkError(
      'analysis/no-stimuli',
      `${root} holds no stimulus named as cat7-elephant3.png is, with another texture than shape.`,
      { hint: 'Name the folder of the style-transfer stimuli of rgeirhos/texture-vs-shape.' },
    );
  const names = [...categories().keys()];
  const at = (item: number) => conflicting[item] as (typeof conflicting)[number];
  return {
    name: 'all',
    classes: names.flatMap((shape) => names.map((texture) => `${shape}-${texture}`)),
    keys: conflicting.map(({ key }) => key),
    frames: 1,
    problems: [],
    stored: null,
    fit: 'input',
    label: (item) => at(item).cues[0] * names.length + at(item).cues[1],
    place: (item) => item,
    load: async (item) => [await decodeImage(await readFile(join(root, at(item).key)), at(item).key)],
    bytes: (item) => readFile(join(root, at(item).key)),
    close: async () => undefined,
  };
}

/** Decisions for the shape, for the texture, and for neither. */
export function shapeScoring(aggregation: Aggregation): Scoring {
  const size = categories().size;
  return {
    labelsAreLogits: false,
    scorer: () => ({
      begin: (labels) => tallyOf(labels, ['shape', 'texture']),
      score: (tally, [row], label) => {
        const decision = decide(row as Float32Array, aggregation);
        seen(tally, label);
        count(tally, 'shape', decision === Math.floor(label / size) ? 0 : 9, label);
        count(tally, 'texture', decision === label % size ? 0 : 9, label);
      },
      finish: (tally) => tally,
    }),
    partMetrics: () => [],
    summarise: ([first]) => {
      if (first === undefined || first.tally.items === 0)
        return {
          metrics: [],
          absent: [{ id: 'shape-bias', label: 'shape bias', protocol: '', why: NOTHING_SCORED }],
        };
      return {
        metrics: overall(first.tally, aggregation),
        absent: [],
        rows: byShape(first.tally, aggregation),
      };
    },
    report: { figures: ['shape-bias'], rows: { by: 'shape', tables: [['shape-bias']] } },
  };
}

function overall(tally: Tally, aggregation: Aggregation): Metric[] {
  const [shape, texture] = [tally.counts['shape']?.top1 ?? 0, tally.counts['texture']?.top1 ?? 0];
  const protocol = `16 categories, ${aggregation} probability`;
  const share = (id: string, label: string, correct: number): Metric => ({
    ...accuracyMetric(id, label, protocol, correct, tally.items),
    correct,
    total: tally.items,
  });
  return [
    ...biasMetric(shape, texture, protocol),
    share('cue-accuracy', 'cue accuracy', shape + texture),
    share('shape-decisions', 'decisions for the shape', shape),
    share('texture-decisions', 'decisions for the texture', texture),
  ];
}

/** Shape over shape and texture; nothing where neither was ever decided for. */
function biasMetric(shape: number, texture: number, protocol: string): Metric[] {
  const total = shape + texture;
  if (total === 0) return [];
  const { value, low, high } = proportion(shape, total);
  const name = { id: 'shape-bias', label: 'shape bias', protocol, better: 'higher' } as const;
  return [{ ...percent(name, value, { low, high }), correct: shape, total }];
}

function byShape(tally: Tally, aggregation: Aggregation) {
  const names = [...categories().keys()];
  const sum = (cue: string, shape: number): number =>
    (tally.counts[cue]?.perClass ?? [])
      .slice(shape * names.length, (shape + 1) * names.length)
      .reduce((total, value) => total + value, 0);
  return names.flatMap((name, shape) => {
    const metrics = biasMetric(
      sum('shape', shape),
      sum('texture', shape),
      `16 categories, ${aggregation} probability`,
    );
    return metrics.length === 0 ? [] : [{ name, group: 'shape', metrics }];
  });
}

const RECORD = { id: 'shape-bias', name: 'Shape bias' } as const;

function benchmarkOf(aggregation: Aggregation): Benchmark {
  return {
    ...RECORD,
    ...{ description: '', source: { archives: [], size: '', layout: '' }, roots: [], parts: [] },
    ...{ scoring: shapeScoring(aggregation), labels: null, items: 'images', stored: null, frames: () => 1 },
    classes: ['imagenet1k'],
  };
}

function folderOf({ data }: AnalysisContext): string {
  if (data !== undefined) return data;
  throw new FrameworkError('data/no-root', 'The shape bias needs the cue-conflict stimuli.', {
    hint: 'Add --data <folder of the stimuli>.',
  });
}

/** Shape bias by cue conflict (Geirhos et al. 2019). */
export const shapeBias = defineAnalysis({
  ...RECORD,
  description: 'whether shape or texture decides where they conflict (Geirhos et al. 2019)',
  needs: 'stimuli',
  settings,
  presets: {},
  run: async (context, { aggregation, ...rest }) => {
    const part = await stimuli(folderOf(context));
    const { device, weights } = await context.onDevice();
    const { batch, imageSize, model, about, kind } = context;
    const session = await InferenceSession.create(device, weights, {
      batch,
      channels: model.config.channels,
      imageSize,
    });
    try {
      return await evaluateBenchmark({
        benchmark: benchmarkOf(aggregation),
        classifier: { ...(await sessionClassifier(session, about)), weights: kind },
        parts: [part],
        settings: settingWords({ aggregation, ...rest }),
        origin: 'cue-conflict stimuli',
        isRelease: true,
        framing: `as stored, resized to ${imageSize} ${about.evalConfig.interpolation} where they are not`,
        folder: context.folder,
        batchSize: batch,
        selection: context.selection,
        ranks: context.ranks,
        ...(context.maker && { maker: context.maker }),
        ...(context.signal && { signal: context.signal }),
        ...(context.onProgress && { onProgress: context.onProgress }),
      });
    } finally {
      session.destroy();
    }
  },
  plan: async (context) => {
    const { keys } = await stimuli(folderOf(context));
    const images = selectItems(keys, context.selection).length;
    return { points: 1, images, passes: images };
  },
});
