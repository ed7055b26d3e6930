/** The rehearsal: both papers with small models on CIFAR-10, for a processor. */
import { join } from 'node:path';
import { lesionUnits } from '../../robustness/analyses/lesion.ts';
import { expandSweep, type SweepRun } from '../../sweeps/runs.ts';
import { loadSweep } from '../../sweeps/sweep.ts';
import { modelOfRecipe } from '../../training/weights/recipe-model.ts';
import { trainingWork } from '../work/fill.ts';
import {
  analysisStep,
  attackStep,
  benchmarkStep,
  type Common,
  type Images,
  type Target,
} from '../work/measures.ts';
import type { Step } from '../work/step.ts';
import type { Item } from './items.ts';

export interface SmallRequest {
  readonly items: readonly Item[];
  /** The folder of CIFAR-10. */
  readonly data: string;
  readonly out: string;
  /** Images of each benchmark and analysis; P and transfer take fewer. */
  readonly images: number;
  /** Of training; default: that of the sweeps. */
  readonly epochs: number | undefined;
  /** Labelled images that there are, for training and for evaluation. */
  readonly training: number;
  readonly count: number;
  readonly common: Common;
}

/** Benchmarks that images of CIFAR-10 can be made into. */
const POSSIBLE = [
  'c',
  'p',
  'occlusion',
  'lesion',
  'frequency',
  'kernel-distance',
  'variance',
  'attack-fgsm',
  'attack-pgd',
  'attack-saved',
];

interface SmallModel extends Target {
  readonly point: string;
  readonly seed: number;
}

/** Every command in order: training, benchmarks, analyses, attacks. */
export async function smallSteps(request: SmallRequest): Promise<Step[]> {
  const needs = new Set(
    request.items.flatMap(({ instead }) => instead).filter((id) => POSSIBLE.includes(id)),
  );
  const { steps, models } = await training(request);
  // The second paper's models are measured by its table's benchmark alone. Figures draw the first seed.
  const own = models.filter(({ model, seed }) => model.family !== 'robust-resnet' && seed === 0);
  const measured = [
    ...benchmarkSteps(request, 'c', models, needs),
    ...benchmarkSteps(request, 'p', own, needs),
    ...analysisSteps(request, own, needs),
    ...attackSteps(request, own, needs),
  ];
  return [...steps, ...measured];
}

async function training({ items, data, out, epochs, training: count, common }: SmallRequest) {
  const steps: Step[] = [];
  const models: SmallModel[] = [];
  const isWanted = (kind: Item['models']) =>
    items.some((item) => item.models === 'all' || item.models === kind);
  for (const name of ['rehearsal-kernels', 'rehearsal-others'] as const) {
    if (name === 'rehearsal-kernels' && !isWanted('kernels')) continue;
    if (name === 'rehearsal-others' && !isWanted('robust')) continue;
    const extra = epochs === undefined ? [] : [`schedule.epochs=${epochs}`, ...few(epochs)];
    const { runs } = await expandSweep(await loadSweep(name), join(out, name), extra);
    const work = runs.flatMap(({ recipe }) => trainingWork(recipe, 10, count));
    const set = extra.flatMap((text) => ['--set', text]);
    const command = ['ablate', name, '--data', data, '--out', join(out, name), ...set, ...common];
    steps.push({ title: `train ${runs.length} runs of ${name}`, command, work });
    models.push(...runs.map((run) => modelOf(run, join(out, name))));
  }
  return { steps, models };
}

/** A warm-up takes no longer than training does, and the last epoch is evaluated. */
function few(epochs: number): string[] {
  return [`evaluation.everyEpochs=${epochs}`, ...(epochs < 2 ? ['schedule.warmupEpochs=0'] : [])];
}

function modelOf({ id, point, seed, recipe }: SweepRun, root: string): SmallModel {
  const { imageSize } = recipe.data;
  return {
    name: id,
    checkpoint: join(root, id),
    model: modelOfRecipe(recipe, 10),
    imageSize,
    point: point.label,
    seed,
  };
}

function imagesOf({ data, count }: SmallRequest, limit: number): Images {
  return { data, dataRoot: undefined, count, limit: Math.max(1, Math.min(limit, count)), isGenerated: true };
}

function benchmarkSteps(
  request: SmallRequest,
  id: 'c' | 'p',
  models: readonly SmallModel[],
  needs: ReadonlySet<string>,
): Step[] {
  if (!needs.has(id)) return [];
  // 444 frames of each image of P: fewer images do.
  const limit = id === 'c' ? request.images : Math.ceil(request.images / 8);
  return models.map((model) => benchmarkStep(model, [id], imagesOf(request, limit), request.common));
}

function analysisSteps(
  request: SmallRequest,
  models: readonly SmallModel[],
  needs: ReadonlySet<string>,
): Step[] {
  const images = imagesOf(request, request.images);
  const saliency = models.find(({ point }) => point === 'vit-6')?.checkpoint;
  const first = models[0];
  return ['occlusion', 'lesion', 'frequency', 'kernel-distance', 'variance'].flatMap((id): Step[] => {
    if (!needs.has(id)) return [];
    const own = models.filter(({ model }) => canBe(id, model));
    const options = id === 'occlusion' && saliency !== undefined ? { saliency, patch: SALIENCY_PATCH } : {};
    const step = analysisStep(own, id, options, images, request.common);
    if (id !== 'occlusion' || first === undefined) return [step];
    const file = join(first.checkpoint, 'robustness', 'occlusion-paper', 'pictures.svg');
    return [{ ...step, command: [...step.command, '--pictures', file] }];
  });
}

/** Pixels; a dropped patch holds whole patches of the transformer whose attention says what is salient. */
const SALIENCY_PATCH = 8;

/** Kernel distances are of depthwise kernels, lesions of blocks that keep the shape of their input. */
function canBe(id: string, model: Target['model']): boolean {
  if (id === 'kernel-distance') return model.family === 'convnext';
  return id !== 'lesion' || lesionUnits(model, 'block').some(({ removable }) => removable);
}

/** Radii that small images leave something of. */
const FGSM = [0.004, 0.008, 0.016, 0.03] as const;
/** Steps of Fig. 6c. */
const PGD_STEPS = [1, 5, 10] as const;
const PGD_EPS = 0.006;

function attackSteps(
  request: SmallRequest,
  models: readonly SmallModel[],
  needs: ReadonlySet<string>,
): Step[] {
  const images = imagesOf(request, request.images);
  const { common } = request;
  const pgd = (epsilons: readonly number[], steps: number) =>
    attackStep(models, 'pgd', ['--random-start', '--steps', String(steps)], images, common, {
      epsilons,
      settings: { steps },
    });
  return [
    ...(needs.has('attack-fgsm') ? [attackStep(models, 'fgsm', [], images, common, { epsilons: FGSM })] : []),
    ...(needs.has('attack-pgd')
      ? [
          pgd([0.002, 0.004, PGD_EPS, 0.008], 5),
          ...PGD_STEPS.filter((steps) => steps !== 5).map((steps) => pgd([PGD_EPS], steps)),
        ]
      : []),
    ...(needs.has('attack-saved') ? transferSteps(request, models) : []),
  ];
}

/** As Table 4: images made on a transformer for convnets, on the large kernel for transformers. */
function transferSteps(request: SmallRequest, models: readonly SmallModel[]): Step[] {
  const [vit, large] = ['vit-6', '13'].map((label) => models.find(({ point }) => point === label));
  if (vit === undefined || large === undefined) return [];
  const images = imagesOf(request, Math.ceil(request.images / 10));
  const isTransformer = ({ model }: SmallModel) => model.family === 'vit';
  const few = { steps: 10, samples: 10 };
  const options = ['--steps', '10', '--samples', '10'];
  return [
    { surrogate: vit, targets: models.filter((model) => !isTransformer(model)) },
    { surrogate: large, targets: models.filter(isTransformer) },
  ].map(({ surrogate, targets }) =>
    attackStep([surrogate], 'taig-r', options, images, request.common, { transfer: targets, settings: few }),
  );
}
