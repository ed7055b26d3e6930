import { describe, expect, it } from 'vitest';
import { createModel } from '../../../src/models/registry.ts';
import { initialise } from '../../../src/nn/parameters.ts';
import { kernelDistances, kernelLayers } from '../../../src/robustness/analyses/kernel-distance.ts';

const plain = { normaliseBy: 'absSum', weighting: 'abs' } as const;
const kernel = (k: number, at: (j: number, i: number) => number) => ({
  c: 1,
  kh: k,
  kw: k,
  data: Float64Array.from({ length: k * k }, (_, t) => at(Math.floor(t / k), t % k)),
});

describe('the distance of a kernel', () => {
  it.each([
    [3, 1.073, 0.7587],
    [5, 1.8744, 0.6627],
    [7, 2.6525, 0.6252],
    [13, 4.9611, 0.5847],
    [27, 10.3244, 0.5616],
    [29, 11.09, 0.5601],
    [31, 11.8556, 0.5589],
    [51, 19.5095, 0.5518],
  ])('of a uniform %i×%i is %f pixels, %f of the corner', (k, pixels, relative) => {
    const [d] = kernelDistances(
      kernel(k, () => -0.3),
      plain,
    );
    expect(d).toBeCloseTo(pixels, 4);
    expect(d! / (Math.SQRT2 * ((k - 1) / 2))).toBeCloseTo(relative, 4);
  });

  it('is 0 for all weight at the centre, the corner for all weight there; undivided it grows with the weights', () => {
    expect(
      kernelDistances(
        kernel(7, (j, i) => Number(j === 3 && i === 3)),
        plain,
      )[0],
    ).toBe(0);
    const corners = kernel(7, (j, i) => Number(j % 6 === 0 && i % 6 === 0));
    expect(kernelDistances(corners, plain)[0]).toBeCloseTo(3 * Math.SQRT2, 12);
    expect(kernelDistances(corners, { ...plain, normaliseBy: 'none' })[0]).toBeCloseTo(12 * Math.SQRT2, 12);
    expect(kernelDistances(corners, plain, 2)[0]).toBe(0); // the corners meet padding alone
  });
});

describe('the kernels of a model', () => {
  it('are the large ones of its blocks, as trained or with their branches merged', () => {
    const config = { depths: [1, 1, 2, 1], dims: [4, 4, 4, 4], kernels: [9, 7, 7, 5], smallKernel: 3 };
    const model = createModel('replknet-31b', config);
    const values = initialise(model.parameters, 3);
    const large = kernelLayers(model, values, 'large');
    expect(large.map(({ name, stage, kh }) => [name, stage, kh])).toEqual([
      ['stages.0.blocks.0.large_kernel.lkb_origin.conv', 0, 9],
      ['stages.1.blocks.0.large_kernel.lkb_origin.conv', 1, 7],
      ['stages.2.blocks.0.large_kernel.lkb_origin.conv', 2, 7],
      ['stages.2.blocks.2.large_kernel.lkb_origin.conv', 2, 7],
      ['stages.3.blocks.0.large_kernel.lkb_origin.conv', 3, 5],
    ]);
    const merged = kernelLayers(model, values, 'merged');
    expect(merged.map(({ kh }) => kh)).toEqual([9, 7, 7, 7, 5]);
    expect(kernelDistances(merged[0]!, plain)[0]).toBeLessThan(kernelDistances(large[0]!, plain)[0]!);
    expect(() => kernelLayers(createModel('resnet20'), new Map(), 'large')).toThrow(
      'no depthwise convolution',
    );
  });
});
