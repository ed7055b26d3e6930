import { describe, expect, it } from 'vitest';
import { createModel, modelNames } from '../../src/models/registry.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/ops/tensor.ts';

function errorOf(call: () => unknown): FrameworkError {
  try {
    call();
  } catch (error) {
    if (error instanceof FrameworkError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('createModel', () => {
  it('makes every model, and again from its own options', () => {
    for (const name of modelNames()) {
      const model = createModel(name);
      const again = createModel(name, model.config);
      expect(again.config).toEqual(model.config);
      expect(again.parameters).toEqual(model.parameters);
      for (const spec of model.parameters) {
        const layer = model.layerOf(spec.name);
        expect(Number.isInteger(layer) && layer >= 0 && layer < model.layers, spec.name).toBe(true);
      }
    }
  });

  it.each([
    [() => createModel('convnext-tt'), 'model/unknown', /no model convnext-tt/, /Did you mean convnext-/],
    [() => createModel('vgg16-with-bells'), 'model/unknown', /vgg16/, /Models: bit-m-r101x3/],
    [
      () => createModel('convnext-t', { kernel: [7, 7, 7, 7] }),
      'model/config',
      /no option kernel\./,
      /Did you mean kernels\?/,
    ],
    [
      () => createModel('convnext-t', { kernels: [7, 8, 7, 7] }),
      'model/config',
      /kernels is \[7,8,7,7\]; allowed: list of 1 to 4 × odd integer 1 … 255/,
      /kernel of each stage/,
    ],
    [
      () => createModel('convnext-t', { kernels: [7, 7, 7] }),
      'model/config',
      /kernels has 3 stages, depths has 4/,
      /one value for each stage/i,
    ],
    [
      () => createModel('convnext-t', { smallKernel: 5 }),
      'model/config',
      /belong to variant slak/,
      /variant=slak/,
    ],
    [
      () => createModel('convnext-t', { variant: 'slak', decomposed: true }),
      'model/config',
      /decomposed needs smallKernel/,
      undefined,
    ],
    [
      () => createModel('convnext-t', { stemPatch: 4, stemStride: 1 }),
      'model/config',
      /stemPatch 4 must exceed stemStride 1 by an even number/,
      undefined,
    ],
    [
      () => createModel('convnext-t', { dropPath: 1 }),
      'model/config',
      /dropPath is 1; allowed: number 0 … < 1/,
      undefined,
    ],
    [
      () => createModel('replknet-3b', { smallKernel: 5 }),
      'model/config',
      /smallKernel is 5, but the smallest of kernels \[3, 3, 3, 3\] is 3/,
      /smallKernel=none/,
    ],
  ])('explains what is wrong (%#)', (call, code, message, hint) => {
    const error = errorOf(call);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    if (hint !== undefined) expect(error.hint).toMatch(hint);
  });
});

describe('build', () => {
  const record = (name: string, skip: string[]) => {
    const graph = new Graph();
    const x = graph.input('x', f32(1, 3, 64, 64));
    return createModel(name).build(graph, { x, training: false, skip: new Set(skip) });
  };

  it('refuses to leave out what is not a block or changes the shape', () => {
    const unknown = errorOf(() => record('convnext-t', ['stages.2.9']));
    expect([unknown.code, unknown.message]).toEqual(['model/skip', 'convnext-t has no block stages.2.9.']);
    expect(unknown.hint).toMatch(/stages\.2\.\d/);
    expect(errorOf(() => record('resnet50', ['layer2.0'])).message).toMatch(/changes the shape/);
    expect(record('resnet50', ['layer2.1']).logits.spec.shape).toEqual([1, 1000]);
  });

  it('without a whole stage runs the transition before it directly into the one behind', () => {
    const config = { depths: [1, 1, 2, 1], dims: [4, 4, 4, 4], kernels: [9, 7, 7, 5], smallKernel: 3 };
    const model = createModel('replknet-31b', config);
    const graph = new Graph();
    const x = graph.input('x', f32(1, 3, 64, 64));
    const skip = new Set(model.blocks.filter(({ stage }) => stage === 2).map(({ name }) => name));
    model.build(graph, { x, training: false, skip });
    const before = graph.taps.get('transitions.1.1');
    const readers = graph.nodes.filter(({ inputs }) => Object.values(inputs).some((each) => each === before));
    expect(readers.map(({ inputs }) => inputs['weight']?.name)).toEqual(['transitions.2.0.conv.weight']);
    expect([...graph.parameters.keys()].filter((name) => name.startsWith('stages.2'))).toEqual([]);
  });

  it('has a drop-path input for each block with a rate, only in training', () => {
    const graph = new Graph();
    const x = graph.input('x', f32(5, 3, 64, 64));
    const { dropPaths } = createModel('replknet-31b', { dropPath: 0.5 }).build(graph, { x, training: true });
    expect(dropPaths.length).toBe(46);
    expect(dropPaths.slice(0, 2)).toEqual([
      { input: 'drop-path.stages.0.blocks.2', rate: 0.5 / 23 },
      { input: 'drop-path.stages.0.blocks.3', rate: 0.5 / 23 },
    ]);
    expect(graph.inputs.get('drop-path.stages.3.blocks.3')?.spec.shape).toEqual([5]);
    expect(createModel('convnext-t').build(new Graph(), { x, training: true }).dropPaths).toEqual([]);
  });
});

describe('layerOf', () => {
  it.each([
    ['convnext-s', 'downsample_layers.0.0.weight', 0],
    ['convnext-s', 'stages.0.2.gamma', 1],
    ['convnext-s', 'downsample_layers.1.1.bias', 2],
    ['convnext-s', 'stages.1.0.norm.weight', 2],
    ['convnext-s', 'downsample_layers.2.0.weight', 3],
    ['convnext-s', 'stages.2.2.dwconv.weight', 3],
    ['convnext-s', 'stages.2.3.dwconv.weight', 4],
    ['convnext-s', 'stages.2.26.dwconv.weight', 11],
    ['convnext-s', 'downsample_layers.3.1.weight', 12],
    ['convnext-s', 'stages.3.1.pwconv1.weight', 12],
    ['convnext-s', 'norm.weight', 13],
    ['convnext-s', 'head.bias', 13],
    ['replknet-31b', 'stem.3.bn.weight', 0],
    ['replknet-31b', 'transitions.0.1.conv.weight', 1],
    ['replknet-31b', 'transitions.1.0.conv.weight', 2],
    ['replknet-31b', 'stages.2.blocks.3.pw1.conv.weight', 3],
    ['replknet-31b', 'stages.2.blocks.4.prelkb_bn.weight', 4],
    ['replknet-31b', 'stages.2.blocks.35.pw2.bn.bias', 11],
    ['replknet-31b', 'transitions.2.0.bn.bias', 11],
    ['replknet-31b', 'stages.3.blocks.0.pw1.conv.weight', 12],
    ['replknet-31b', 'head.weight', 13],
    ['resnet50', 'bn1.weight', 0],
    ['resnet50', 'layer4.0.downsample.0.weight', 4],
    ['resnet50', 'fc.weight', 5],
    ['resnet20', 'linear.bias', 4],
  ])('%s %s is %d', (model, parameter, layer) => {
    expect(createModel(model).layerOf(parameter)).toBe(layer);
  });
});

describe('preprocessing', () => {
  it.each([
    [
      'convnext-t',
      224,
      { resize: 256, crop: 224, squash: false, interpolation: 'bicubic', normalization: 'imagenet' },
    ],
    [
      'convnext-t',
      384,
      { resize: 384, crop: 384, squash: true, interpolation: 'bicubic', normalization: 'imagenet' },
    ],
    ['convnext-nano', 224, { resize: 235, crop: 224, squash: false }],
    ['replknet-xl', 320, { resize: 365, crop: 320, squash: false, normalization: 'half' }],
    ['resnet50', 224, { resize: 256, crop: 224, interpolation: 'bilinear' }],
    ['resnet20', 32, { resize: null, crop: null, normalization: 'imagenet' }],
  ])('of %s at %d', (model, size, expected) => {
    expect(createModel(model).preprocessing(size)).toMatchObject(expected);
  });
});

describe('initial values', () => {
  it('are those of the papers', () => {
    const init = (model: string, name: string, options = {}) =>
      createModel(model, options).parameters.find((spec) => spec.name === name)?.init;
    const normal = { kind: 'trunc-normal', std: 0.02, bound: 2, scale: 1 };
    expect(init('convnext-t', 'stages.0.0.dwconv.weight')).toEqual(normal);
    expect(init('convnext-t', 'stages.0.0.dwconv.bias')).toEqual({ kind: 'constant', value: 0 });
    expect(init('convnext-t', 'stages.0.0.gamma')).toEqual({ kind: 'constant', value: 1e-6 });
    expect(init('convnext-t', 'head.weight', { headInitScale: 0.001 })).toEqual({ ...normal, scale: 0.001 });
    expect(init('slak-t', 'stages.0.0.large_kernel.small_conv.conv.weight')).toEqual(normal);
    const uniform = (bound: number) => ({ kind: 'uniform', bound });
    const lkb = 'stages.0.blocks.0.large_kernel';
    expect(init('replknet-31b', `${lkb}.lkb_origin.conv.weight`)).toEqual(uniform(1 / 31));
    expect(init('replknet-31b', `${lkb}.small_conv.conv.weight`)).toEqual(uniform(1 / 5));
    expect(init('replknet-31b', 'stages.0.blocks.0.pw1.conv.weight')).toEqual(uniform(1 / Math.sqrt(128)));
    expect(init('replknet-31b', 'head.bias')).toEqual(uniform(1 / Math.sqrt(1024)));
    expect(init('replknet-31b', `${lkb}.lkb_origin.bn.running_var`)).toEqual({ kind: 'constant', value: 1 });
    expect(init('resnet50', 'conv1.weight')).toEqual({ kind: 'normal', std: Math.sqrt(2 / (64 * 49)) });
    expect(init('resnet50', 'fc.weight')).toEqual(uniform(1 / Math.sqrt(2048)));
    expect(init('resnet20', 'conv1.weight')).toEqual({ kind: 'normal', std: Math.sqrt(2 / 27) });
  });

  it('count batches in entries without a shape', () => {
    const counters = createModel('replknet-31b').parameters.filter((spec) => spec.kind === 'counter');
    expect(counters[0]).toMatchObject({ name: 'stem.0.bn.num_batches_tracked', shape: [] });
  });
});
