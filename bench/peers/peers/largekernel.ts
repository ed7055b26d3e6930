import { openDevice, type Device } from '../../../src/device/device.ts';
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
import { depthwise, depthwiseGradInput, depthwiseGradWeight } from '../../../src/ops/depthwise/op.ts';
import type { LowerContext } from '../../../src/ops/kernels.ts';
import { layerNorm, layerNormGradient } from '../../../src/ops/layer-norm/op.ts';
import type { LayerNormAttrs } from '../../../src/ops/layer-norm/shape.ts';
import { type MatmulAttrs, matmul } from '../../../src/ops/matmul/op.ts';
import type { Op } from '../../../src/ops/op.ts';
import { type TensorSpec, elems, f32 } from '../../../src/ops/tensor.ts';

/** An op with what its results are called; inputs by name are the case's tensors or results of earlier calls. */
interface Call {
  readonly op: Op<never>;
  readonly inputs: readonly string[];
  readonly attrs: unknown;
  readonly outputs: readonly string[];
}

function call<A>(op: Op<A>, inputs: readonly string[], attrs: A, outputs: readonly string[]): Call {
  return { op: op as unknown as Op<never>, inputs, attrs, outputs };
}

/** The kernels a training step would run, with the variants it would choose. */
export function callsOf(c: Exclude<Case, StepCase>): Call[] {
  switch (c.op) {
    case 'depthwise': {
      const taps = { kh: c.kernel, kw: c.kernel, bias: false };
      return [
        call(depthwise, ['x', 'weight'], {}, ['y']),
        call(depthwiseGradInput, ['dy', 'weight'], {}, ['dx']),
        call(depthwiseGradWeight, ['x', 'dy'], taps, ['dweight']),
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'linear': {
      const product = (transposeA: boolean, transposeB: boolean): MatmulAttrs => ({
        transposeA,
        transposeB,
        bias: 'none',
      });
      return [
        call(matmul, ['x', 'weight'], product(false, true), ['y']),
        call(matmul, ['dy', 'weight'], product(false, false), ['dx']),
        call(matmul, ['dy', 'x'], product(true, false), ['dweight']),
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'layer-norm': {
      const attrs: LayerNormAttrs = { eps: EPS, from: 'rows', to: 'rows' };
      const results = ['dx', 'dweight', 'dbias'];
      return [
        call(layerNorm, ['x', 'weight', 'bias'], attrs, ['y', 'statistics']),
        call(layerNormGradient, ['x', 'weight', 'statistics', 'dy'], attrs, results),
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
  const results = new Map<string, { run: OpRun; index: number }>();
  for (const { op, inputs: names, attrs, outputs: made } of callsOf(c)) {
    const inputs = names.map((name) => defined(specs.get(name), name));
    const outputs = op.infer(inputs, attrs as never);
    const context: LowerContext<never> = {
      inputs,
      outputs,
      attrs: attrs as never,
      accumulate: outputs.map(() => false),
      profile: device.profile,
    };
    const kernels = kernelsOf(op as Op<never>);
    const variant = defined(kernels.variants(context)[0], 'a variant');
    const run = await OpRun.make(device, pipelines, kernels, context, variant);
    for (const [i, name] of names.entries()) {
      const earlier = results.get(name);
      // A result of an earlier call is copied once: it is the same in every run.
      if (earlier === undefined) run.write(i, tensor(data, name));
      else {
        earlier.run.submit();
        run.write(i, await device.readFloats(defined(earlier.run.outputs[earlier.index], name)));
      }
    }
    made.forEach((name, index) => {
      specs.set(name, defined(outputs[index], name));
      results.set(name, { run, index });
    });
    runs.push(run);
  }
  return {
    async run() {
      for (const run of runs) run.submit();
      await device.settle();
    },
    async outputs() {
      const all: Record<string, Float32Array> = {};
      for (const [name, { run, index }] of results) {
        const bytes = 4 * elems(defined(specs.get(name), name).shape);
        all[name] = await device.readFloats(defined(run.outputs[index], name), 0, bytes);
      }
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
  const { recipe } = await loadRecipe('convnext-t', [
    `model.kernels=${c.kernel}`,
    'model.dropPath=0',
    'ema=null',
    'optimizer.weightDecay=0',
    `batch.size=${c.batch}`,
    `data.imageSize=${c.size}`,
  ]);
  const model = modelOfRecipe(recipe.model, c.classes);
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
  // Memory goes with the process.
  return preparedSteps(step, () => undefined);
}
