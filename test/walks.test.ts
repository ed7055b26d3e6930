import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../src/device/device.ts';
import { NORMALIZATIONS } from '../src/data/normalization.ts';
import type { ImageShape } from '../src/models/inference.ts';
import { countElements, initialise } from '../src/nn/parameters.ts';
import type { BenchmarkResult } from '../src/robustness/benchmarks/evaluation/result.ts';
import type { Classifier } from '../src/robustness/classifier/classifier.ts';
import type { SessionWeights } from '../src/robustness/classifier/session-classifier.ts';
import type * as deviceModule from '../src/device/open.ts';
import type * as registryModule from '../src/models/registry.ts';
import type * as weightsModule from '../src/models/weights.ts';
import type * as loadModule from '../src/recipe/load.ts';
import type * as columnsModule from '../src/report/columns.ts';
import type * as figuresModule from '../src/report/figures.ts';
import type * as evaluateModule from '../src/robustness/benchmarks/evaluation/evaluate.ts';
import type * as locateModule from '../src/robustness/benchmarks/images/locate.ts';
import type * as releaseModule from '../src/robustness/benchmarks/images/release.ts';
import type * as recordsModule from '../src/robustness/benchmarks/records.ts';
import type * as recogniseModule from '../src/training/weights/recognise.ts';
import type * as kernelsModule from '../src/execution/kernels.ts';
import type * as proveModule from '../src/execution/prove.ts';
import type * as pipelinesModule from '../src/shader/pipelines.ts';
import { differentiate } from '../src/graph/autodiff.ts';
import { Graph } from '../src/graph/graph.ts';
import { interpret } from '../src/graph/interpret.ts';
import type { None, Op } from '../src/ops/op.ts';
import { f32 } from '../src/ops/tensor.ts';
import { adapters } from './ops/harness.ts';
import { LinearClassifier, writePictures } from './robustness/benchmarks/world.ts';

/** The walks of CONTRIBUTING.md, carried out on a copy of the project with the text of the page. */

const ROOT = new URL('..', import.meta.url).pathname;
const copy = mkdtempSync(join(tmpdir(), 'largekernel-walks-'));

/** The code below each file's name. */
const blocks = [
  ...readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').matchAll(/^`([\w/.-]+)`\n\n```\w+\n(.*?)^```$/gms),
].map(([, path = '', code = '']) => ({ path, code }));

/** A new file; or a line at the end of one; or, indented, an entry at the end of its list. */
function apply({ path, code }: { path: string; code: string }): void {
  const file = join(copy, path);
  mkdirSync(dirname(file), { recursive: true });
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const end = code.startsWith(' ') ? before.lastIndexOf('\n];') + 1 : before.length;
  writeFileSync(file, before.slice(0, end) + code + before.slice(end));
}

/** A module of the copy, which has the exports of ours. */
const load = async <T>(path: string): Promise<T> => (await import(join(copy, path))) as T;
const registry = () => load<typeof registryModule>('src/models/registry.ts');
const benchmarks = 'src/robustness/benchmarks';

beforeAll(() => {
  for (const folder of ['src', 'shaders', 'wasm', 'recipes', 'data', 'package.json'])
    cpSync(join(ROOT, folder), join(copy, folder), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  blocks.forEach(apply);
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

describe.each(adapters.slice(0, 1))('an op on %s', (adapter) => {
  it('is registered, differentiable, and its kernels agree with its reference', async () => {
    const { OPS } = await load<typeof kernelsModule>('src/execution/kernels.ts');
    const { proveOp } = await load<typeof proveModule>('src/execution/prove.ts');
    const { openDevice } = await load<typeof deviceModule>('src/device/open.ts');
    const { PipelineCache } = await load<typeof pipelinesModule>('src/shader/pipelines.ts');
    const device = await openDevice(adapter);
    const ours = OPS.filter(({ name }) => name.startsWith('tanh'));
    expect(ours.map(({ name }) => name)).toEqual(['tanh', 'tanh-gradient']);
    for (const op of ours) {
      const { failure } = await proveOp(device, PipelineCache.of(device), op);
      expect(failure).toBeUndefined();
    }
    device.close();
    const { tanh } = await load<{ tanh: Op<None, 'x', 'y'> }>('src/ops/tanh/op.ts');
    const graph = new Graph();
    const x = graph.input('x', f32(2));
    const y = graph.one(tanh, { x }, {});
    const gradients = differentiate(graph, y, graph.input('dy', f32(2)), { tensors: [x] });
    const values = new Map([x, graph.inputs.get('dy')!].map(({ id }) => [id, Float64Array.of(0.5, -2)]));
    interpret(graph.nodes, values);
    // d tanh = dy / cosh²
    values.get(gradients.tensors[0]!.id)!.forEach((dx, i) => {
      const at = [0.5, -2][i]!;
      expect(dx).toBeCloseTo(at / Math.cosh(at) ** 2, 12);
    });
  });
});

describe('a model family', () => {
  it('is there by name, with the sizes of its paper', async () => {
    const { createModel } = await registry();
    const count = (name: string) => countElements(createModel(name).parameters, 'parameter');
    // huggingface/pytorch-image-models: results/model_metadata-in1k.csv has 51.63, 24.38 and 21.11 million.
    expect(['convmixer-1536-20', 'convmixer-1024-20', 'convmixer-768-32'].map(count)).toEqual([
      51_625_960, 24_383_464, 21_110_248,
    ]);
  });

  it('checks recipes, and its checkpoints are recognised', async () => {
    const { loadRecipe } = await load<typeof loadModule>('src/recipe/load.ts');
    const set = ['model.name=convmixer-768-32', 'model.depth=2'];
    const { recipe } = await loadRecipe('quickstart', [...set, 'model.kernel=9']);
    expect(recipe.model).toMatchObject({ kernel: 9, depth: 2, dim: 768, activation: 'relu' });
    await expect(loadRecipe('quickstart', [...set, 'model.kernels=9'])).rejects.toMatchObject({
      code: 'recipe/no-effect',
    });
    const { parameters } = (await registry()).createModel('convmixer-1024-20', { kernel: 5, depth: 3 });
    const { recogniseModel } = await load<typeof recogniseModule>('src/training/weights/recognise.ts');
    const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
    const info = (name: string) => ({ dtype: 'F32', shape: shapes.get(name)! }) as const;
    const found = await recogniseModel({ names: () => [...shapes.keys()], info });
    expect([found?.model.name, found?.settings]).toEqual([
      'convmixer-1024-20',
      ['model.kernel=5', 'model.depth=3'],
    ]);
  });
});

/** The photographs of the walk, six of them, evaluated with any classifier. */
async function evaluator(): Promise<(classifier: Classifier) => Promise<BenchmarkResult>> {
  const data = mkdtempSync(join(copy, 'data-'));
  await writePictures(join(data, 'lab-photographs'), { 0: 2, 7: 2, 99: 2 });
  const { findBenchmark } = await load<typeof recordsModule>(`${benchmarks}/records.ts`);
  const { locate } = await load<typeof locateModule>(`${benchmarks}/images/locate.ts`);
  const { openRelease } = await load<typeof releaseModule>(`${benchmarks}/images/release.ts`);
  const { evaluateBenchmark } = await load<typeof evaluateModule>(`${benchmarks}/evaluation/evaluate.ts`);
  const benchmark = findBenchmark('lab');
  return async (classifier) => {
    const { parts, problems } = await openRelease(await locate(benchmark, data));
    const folder = join(data, 'results', classifier.name);
    return evaluateBenchmark({
      benchmark,
      classifier,
      parts,
      problems,
      origin: 'release',
      folder,
      batchSize: 4,
    });
  };
}

describe('a benchmark', () => {
  it('is evaluated, checked against its release, and drawn', async () => {
    const result = await (await evaluator())(new LinearClassifier('imagenet1k'));
    expect(result).toMatchObject({ name: 'Laboratory', items: { scored: 6 }, complete: false });
    expect(result.problems.map(({ kind, what }) => `${kind}: ${what}`).join()).toMatch(
      /no images of 1, 2.*the release has 1000/s,
    );
    const { columnsOf } = await load<typeof columnsModule>('src/report/columns.ts');
    const { metricFigures } = await load<typeof figuresModule>('src/report/figures.ts');
    const models = [{ name: 'linear', results: [result] }];
    expect(metricFigures(columnsOf(models), models).map(({ title }) => title)).toEqual(['Laboratory: top-1']);
  });
});

interface Analysis {
  readonly blockLesions: (
    device: Device,
    weights: unknown,
    shape: ImageShape,
    about: SessionWeights,
    images: Float32Array,
    evaluate: (classifier: Classifier) => Promise<BenchmarkResult>,
  ) => Promise<{ block: string; activation: number; result: BenchmarkResult }[]>;
}

describe.each(adapters.slice(0, 1))('an analysis on %s', (adapter) => {
  it('reads taps, leaves blocks out, and evaluates', async () => {
    const { openDevice } = await load<typeof deviceModule>('src/device/open.ts');
    const { ModelWeights } = await load<typeof weightsModule>('src/models/weights.ts');
    const { blockLesions } = await load<Analysis>('src/robustness/analyses/block-lesions.ts');
    const { createModel } = await registry();
    const model = createModel('convmixer-768-32', { depth: 2, dim: 8, kernel: 5, patch: 8 });
    const device = await openDevice(adapter);
    const weights = await ModelWeights.upload(device, model, initialise(model.parameters, 0));
    const shape = { batch: 4, channels: 3, imageSize: 32 };
    const evalConfig = { resize: 32, crop: 32, squash: false, interpolation: 'bilinear' } as const;
    const file = join(copy, 'package.json'); // its bytes are the fingerprint
    const about = { file, evalConfig, normalization: NORMALIZATIONS.imagenet };
    const images = Float32Array.from({ length: 2 * 3072 }, (_, i) => Math.sin(i));
    const lesions = await blockLesions(device, weights, shape, about, images, await evaluator());
    device.close();
    expect(lesions.map(({ block, result }) => [block, result.model])).toEqual([
      ['blocks.0', 'convmixer-768-32 without blocks.0'],
      ['blocks.1', 'convmixer-768-32 without blocks.1'],
    ]);
    expect(new Set(lesions.map(({ result }) => result.modelFingerprint)).size).toBe(2);
    expect(lesions.every(({ activation }) => activation > 0)).toBe(true);
  });
});
