import type { Device } from '../../../src/device/device.ts';
import { openDevice } from '../../../src/device/open.ts';
import { loadRecipe } from '../../../src/recipe/load.ts';
import { PipelineCache } from '../../../src/shader/pipelines.ts';
import { fitPlan, targetOf } from '../../../src/training/planning/fit.ts';
import { modelOfRecipe } from '../../../src/training/weights/recipe-model.ts';
import { TrainingSession } from '../../../src/training/step/session.ts';
import { defined } from '../../../src/util/errors.ts';
import { ADAM, EPS, inputsOf, type Case, type StepCase } from '../cases.ts';
import { preparedSteps, tensor, type Data, type Peer, type Prepared } from '../peer.ts';
import { kernelsOf } from '../../../src/execution/kernels.ts';
import { OpRun } from '../../../src/execution/run.ts';
import { add } from '../../../src/ops/add/op.ts';
import { attention, attentionGradient } from '../../../src/ops/attention/op.ts';
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../../src/ops/depthwise/op.ts';
import { contextOf } from '../../../src/ops/kernels.ts';
import { layerNorm, layerNormGradient } from '../../../src/ops/layer-norm/op.ts';
import type { LayerNormAttrs } from '../../../src/ops/layer-norm/shape.ts';
import { type MatmulAttrs, matmul } from '../../../src/ops/matmul/op.ts';
import { softmax, softmaxGradient } from '../../../src/ops/softmax/op.ts';
import { type AnyOp, type Op, type Some, mapNamed } from '../../../src/ops/op.ts';
import { type TensorSpec, f32 } from '../../../src/ops/tensor.ts';

/** An op, and what the case calls its operands: its own tensors or results of earlier calls. */
interface Call {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, string>>;
  readonly attrs: unknown;
  readonly outputs: Readonly<Record<string, string>>;
}

function call<A, I extends string, O extends string>(
  op: Op<A, I, O>,
  inputs: Some<string, I>,
  attrs: A,
  outputs: Some<string, O>,
): Call {
  return { op, inputs: mapNamed(inputs, String), attrs, outputs: mapNamed(outputs, String) };
}

/** The kernels a training step would run, with the variants it would choose. */
export function callsOf(c: Exclude<Case, StepCase>): Call[] {
  switch (c.op) {
    case 'add':
      return [call(add, { a: 'x', b: 'weight' }, {}, { y: 'y' })];
    case 'depthwise': {
      const taps = { kh: c.kernel, kw: c.kernel, bias: false };
      return [
        call(depthwise, { x: 'x', weight: 'weight' }, {}, { y: 'y' }),
        call(depthwiseGradInput, { dy: 'dy', weight: 'weight' }, {}, { dx: 'dx' }),
        call(depthwiseGradWeight, { x: 'x', dy: 'dy' }, taps, { dweight: 'dweight' }),
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'linear': {
      const product = (transposeA: boolean, transposeB: boolean): MatmulAttrs => ({
        transposeA,
        transposeB,
        bias: 'none',
      });
      return [
        call(matmul, { a: 'x', b: 'weight' }, product(false, true), { y: 'y' }),
        call(matmul, { a: 'dy', b: 'weight' }, product(false, false), { y: 'dx' }),
        call(matmul, { a: 'dy', b: 'x' }, product(true, false), { y: 'dweight' }),
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'layer-norm': {
      const attrs: LayerNormAttrs = { eps: EPS, from: 'rows', to: 'rows' };
      const operands = { x: 'x', weight: 'weight', bias: 'bias' };
      const saved = { x: 'x', weight: 'weight', statistics: 'statistics', dy: 'dy' };
      const results = { dx: 'dx', dweight: 'dweight', dbias: 'dbias' };
      return [
        call(layerNorm, operands, attrs, { y: 'y', statistics: 'statistics' }),
        call(layerNormGradient, saved, attrs, results),
      ].slice(0, c.gradients ? 2 : 1);
    }
    case 'softmax':
      return [
        call(softmax, { x: 'x' }, {}, { y: 'y' }),
        call(softmaxGradient, { y: 'y', dy: 'dy' }, {}, { dx: 'dx' }),
      ].slice(0, c.gradients ? 2 : 1);
    case 'attention': {
      const attrs = { heads: c.heads, tokens: c.tokens };
      const saved = { qkv: 'x', y: 'y', logsumexp: 'logsumexp', dy: 'dy' };
      return [
        call(attention, { qkv: 'x' }, attrs, { y: 'y', logsumexp: 'logsumexp' }),
        call(attentionGradient, saved, attrs, { dqkv: 'dx' }),
      ].slice(0, c.gradients ? 2 : 1);
    }
  }
}

export async function open(adapter: string): Promise<Peer> {
  const device = await openDevice(adapter);
  const pipelines = new PipelineCache(device);
  return {
    runsOn: `WebGPU, ${device.name}`,
    prepare: (c, data) =>
      c.op === 'step' ? prepareStep(device, pipelines, c, data) : prepareOps(device, pipelines, c, data),
  };
}

async function prepareOps(
  device: Device,
  pipelines: PipelineCache,
  c: Exclude<Case, StepCase>,
  data: Data,
): Promise<Prepared> {
  const specs = new Map<string, TensorSpec>(inputsOf(c).map(({ name, shape }) => [name, f32(...shape)]));
  const runs: OpRun[] = [];
  const results = new Map<string, { run: OpRun; output: string }>();
  for (const { op, inputs: names, attrs, outputs: made } of callsOf(c)) {
    const inputs = mapNamed(names, (name) => defined(specs.get(name), name));
    const outputs = op.infer(inputs, attrs);
    const context = contextOf({ inputs, outputs, attrs }, device.profile);
    const kernels = kernelsOf(op);
    const variant = defined(kernels.variants(context)[0], 'a variant');
    const run = await OpRun.make(device, pipelines, kernels, context, variant);
    for (const [input, name] of Object.entries(names)) {
      const earlier = results.get(name);
      // A result of an earlier call is copied once: it is the same in every run.
      if (earlier === undefined) run.write(input, tensor(data, name));
      else {
        earlier.run.submit();
        run.write(input, await earlier.run.read(earlier.output));
      }
    }
    for (const [output, name] of Object.entries(made)) {
      specs.set(name, defined(outputs[output], name));
      results.set(name, { run, output });
    }
    runs.push(run);
  }
  return {
    async run() {
      for (const run of runs) run.submit();
      await device.settle();
    },
    async outputs() {
      const all: Record<string, Float32Array> = {};
      for (const [name, { run, output }] of results) all[name] = await run.read(output);
      return all;
    },
    dispose() {
      for (const run of runs) run.destroy();
    },
  };
}

/** The training session of a recipe, as `largekernel bench step` times it. */
async function prepareStep(
  device: Device,
  pipelines: PipelineCache,
  c: StepCase,
  data: Data,
): Promise<Prepared> {
  const { recipe } = await loadRecipe(c.model, [
    ...(c.model === 'convnext-t' ? [`model.kernels=${c.kernel}`] : ['augment.repeats=1', 'schedule.minLr=0']),
    'model.dropPath=0',
    'ema=null',
    'optimizer.weightDecay=0',
    `batch.size=${c.batch}`,
    `data.imageSize=${c.size}`,
  ]);
  const model = modelOfRecipe(recipe, c.classes);
  const plan = fitPlan(recipe, model, targetOf(device), c.batch);
  const session = await TrainingSession.create(device, pipelines, plan);
  await session.initialise(0, new Map(Object.entries(data)));
  let number = 0;
  const step = async (): Promise<number> => {
    number++;
    const update = { step: number, lr: ADAM.lr, weightDecay: 0 };
    const result = session.submit(tensor(data, 'x'), tensor(data, 'targets'), number * c.batch, update);
    await device.settle();
    return (await result)?.loss ?? NaN;
  };
  return preparedSteps(c, data, {
    step,
    weights: () => session.parameters.readAll(),
    dispose: () => undefined, // memory goes with the process
  });
}
