import { GradientSession } from '../../models/gradients.ts';
import { InferenceSession } from '../../models/inference.ts';
import { onFirst, type Ranks } from '../../mpi/ranks.ts';
import { FrameworkError } from '../../util/errors.ts';
import type { AnalysisContext } from '../analyses/analysis.ts';
import { settingWords } from '../analyses/analysis.ts';
import type { Benchmark } from '../benchmarks/benchmark.ts';
import { evaluateBenchmark } from '../benchmarks/evaluation/evaluate.ts';
import type { BenchmarkResult } from '../benchmarks/evaluation/result.ts';
import { prepareOwn } from '../benchmarks/images/find-images.ts';
import type { Part } from '../benchmarks/images/parts.ts';
import { filesSha256 } from '../benchmarks/images/files-sha256.ts';
import { findBenchmark } from '../benchmarks/records.ts';
import type { Classifier } from '../classifier/classifier.ts';
import { sessionClassifier } from '../classifier/session-classifier.ts';
import { AdversarialSet, type SetRecord } from './adversarial-set.ts';
import type { Attack } from './attack.ts';
import { attackPlot, attackScoring } from './attack-scoring.ts';
import type { Norm } from './ball.ts';
import { examine, type Aim, type AttackPlan } from './examine.ts';
import { SessionModel, type Space } from './session-model.ts';

/** What is asked of an attack on one model. */
export interface AttackRequest {
  readonly attack: Attack;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly epsilons: readonly number[];
  readonly seed: number;
  readonly space: Space;
  /** In words, and as `examine` takes it. */
  readonly aim: Aim;
  readonly eightBit: boolean;
  /** Where adversarial images go. */
  readonly save: string | undefined;
  /** The ball that saved images must lie in, if it is known. Default: the attack's. */
  readonly norm?: Norm | null;
  /** What saved images are. */
  readonly of?: string;
  /** `imagesSum` of the data set that saved images were made of. */
  readonly images?: string;
  /** Hears of images through the model. */
  readonly onPasses?: (images: number) => void;
}

const CLEAN = 'clean/0/0';
/** Images after which results are kept: a killed attack repeats at most these. */
const IMAGES_PER_UNIT = 64;
/** Batches that an attack is given at once: those of its images that are done make room for others. */
const BATCHES_AT_ONCE = 4;

/** Attacks a model at every ε, unit by unit; goes on where it was stopped. Batch, threads and interruptions change no bit of the result. */
export async function runAttack(context: AnalysisContext, request: AttackRequest): Promise<BenchmarkResult> {
  const { attack, epsilons, space } = request;
  checkRequest(request);
  const prepared = await prepareOwn(context.images(), findBenchmark('val'), context.selection);
  const [whole] = prepared.parts as [Part];
  const norm = request.norm === undefined ? normOf(request.settings) : request.norm;
  const settings = wordsOf(request, norm);
  if (request.images !== undefined && request.images !== (await imagesSum(whole))) {
    await prepared.close();
    throw otherImages(prepared.origin);
  }
  const { classifier, model, done } = await opened(context, request);
  try {
    const save =
      request.save === undefined
        ? undefined
        : await setOf(request, norm, classifier, {
            settings,
            images: await imagesSum(whole),
            save: request.save,
            ranks: context.ranks,
          });
    const plan: AttackPlan = { ...request, norm, save };
    const parts = [0, ...epsilons.filter((eps) => eps !== 0)].map((eps): Part => ({
      ...whole,
      name: eps === 0 ? CLEAN : `${attack.id}/${eps}/0`,
      problems: eps === 0 ? whole.problems : [],
    }));
    return await evaluateBenchmark({
      benchmark: benchmarkOf(attack, norm, space),
      classifier,
      classifierOf: (part) => {
        const eps = Number(part.split('/')[1]);
        const own: Classifier = {
          ...classifier,
          examine: (batch, images) => examine(model, plan, eps, batch, images),
        };
        return Promise.resolve({ classifier: own, done: () => undefined });
      },
      parts,
      settings,
      origin: prepared.origin,
      isRelease: false,
      folder: context.folder,
      batchSize: Math.min(IMAGES_PER_UNIT, BATCHES_AT_ONCE * context.batch),
      imagesPerUnit: IMAGES_PER_UNIT,
      crew: context.crew,
      ranks: context.ranks,
      name: `${attack.name}, ${prepared.name}`,
      selection: prepared.selection,
      ...(context.maker && { maker: context.maker }),
      ...(context.signal && { signal: context.signal }),
      ...(context.onProgress && { onProgress: context.onProgress }),
    });
  } finally {
    done();
    await prepared.close();
  }
}

function checkRequest({ attack, aim, eightBit, space, epsilons }: AttackRequest): void {
  if (aim !== 'any' && !attack.canTarget)
    throw new FrameworkError(
      'attack/setting',
      `${attack.id} chooses its targets itself; one was asked for.`,
      {
        hint: 'Use fgsm, pgd, mifgsm, apgd-ce or taig with --targeted.',
      },
    );
  if (eightBit && space === 'normalised')
    throw new FrameworkError(
      'attack/setting',
      'Images were to be rounded to 8 bits, but ε is measured in normalised values.',
      {
        hint: 'Use --no-eight-bit, or --space pixel.',
      },
    );
  if (attack.needsBounds && space === 'normalised')
    throw new FrameworkError(
      'attack/setting',
      `${attack.id} needs the bounds of pixels; ε was to be measured in normalised values.`,
      {
        hint: 'Use --space pixel.',
      },
    );
  const bad = epsilons.find((eps) => !(eps >= 0 && Number.isFinite(eps)));
  if (bad !== undefined || epsilons.length === 0)
    throw new FrameworkError('attack/setting', `ε is ${String(bad)}.`, {
      hint: 'Give numbers of at least 0.',
    });
}

async function opened(
  { onDevice, about, kind, batch, imageSize, model, signal }: AnalysisContext,
  request: AttackRequest,
) {
  const { device, weights } = await onDevice();
  const shape = { batch, channels: model.config.channels, imageSize };
  const forward = await InferenceSession.create(device, weights, shape);
  const attacked = new SessionModel(forward, () => GradientSession.create(device, weights, shape), {
    normalization: about.normalization,
    space: request.space,
    signal,
    onPasses: request.onPasses,
  });
  const classifier: Classifier = { ...(await sessionClassifier(forward, about)), weights: kind };
  return {
    classifier,
    model: attacked,
    done: () => {
      attacked.destroy();
    },
  };
}

/** The ball of an attack: its setting, or l∞. */
function normOf(settings: Readonly<Record<string, unknown>>): Norm {
  return settings['norm'] === 'l2' ? 'l2' : 'linf';
}

function wordsOf(
  { settings, seed, space, aim, eightBit, attack, of }: AttackRequest,
  norm: Norm | null,
): string {
  return settingWords(settings, [
    ...('norm' in settings || norm === null ? [] : [`norm ${norm}`]),
    `ε in ${space === 'pixel' ? 'pixels of [0, 1]' : 'normalised values'}`,
    `target ${String(aim)}`,
    `seed ${seed}`,
    ...(attack.onlyCorrect ? ['images that are wrong already are left alone'] : []),
    ...(eightBit ? ['8 bits'] : []),
    ...(of === undefined ? [] : [of]),
  ]);
}

/** Tells data sets apart by the names and bytes of their images. Labels do not count: models may have their classes in other orders. */
function imagesSum(part: Part): Promise<string> {
  return filesSha256([{ part: { ...part, label: () => 0 }, items: [...part.keys.keys()] }]);
}

function otherImages(origin: string): FrameworkError {
  return new FrameworkError(
    'attack/set',
    `The saved images were to be tried on ${origin}, and they are changed ones of other images, by their names, number or bytes.`,
    { hint: 'Give the --data and --split that the set was made with.' },
  );
}

async function setOf(
  request: AttackRequest,
  norm: Norm | null,
  classifier: Classifier,
  {
    save,
    ranks,
    ...words
  }: { readonly save: string; readonly ranks: Ranks | undefined } & Pick<SetRecord, 'settings' | 'images'>,
): Promise<AdversarialSet> {
  const record: SetRecord = {
    attack: request.attack.id,
    ...words,
    model: classifier.name,
    modelFingerprint: classifier.fingerprint,
    imageSize: classifier.preprocessing.imageSize,
    norm: norm ?? 'linf',
    space: request.space,
    epsilons: request.epsilons.filter((eps) => eps !== 0),
  };
  // Every rank adds the images that it has made.
  const created = await onFirst(ranks, () => AdversarialSet.create(save, record));
  return created ?? AdversarialSet.open(save);
}

/** What the machinery of benchmarks must know of an attack. */
function benchmarkOf(attack: Attack, norm: Norm | null, space: Space): Benchmark {
  return {
    id: `attack-${attack.id}`,
    name: attack.name,
    description: '',
    source: { archives: [], size: '', layout: '' },
    roots: [],
    parts: [],
    scoring: attackScoring(attack.id, attackPlot(attack.name, norm ?? '', space)),
    labels: null,
    items: 'images',
    stored: null,
    frames: () => 1,
    classes: ['any'],
  };
}
