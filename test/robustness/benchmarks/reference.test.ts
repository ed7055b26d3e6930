import { describe, expect, it } from 'vitest';
import { BENCHMARKS } from '../../../src/robustness/benchmarks/records.ts';
import { references, referencesFor } from '../../../src/robustness/benchmarks/reference.ts';

describe('published numbers', () => {
  it('keep the two protocols of A and R apart', () => {
    const value = (benchmark: string, protocol: string, model: string): number[] =>
      referencesFor(benchmark, { id: 'top1', protocol }, model).map((r) => r.value);
    expect(value('a', 'full1000', 'ConvNeXt-B')).toEqual([33.9]);
    expect(value('a', 'masked200', 'ConvNeXt-B')).toEqual([]);
    expect(value('a', 'masked200', 'convnext_base.fb_in22k_ft_in1k@224')).toEqual([54.773]);
    expect(value('r', 'masked200', 'Robust-ResNet-DW-Small')).toEqual([45.9]);
    expect(value('a', 'full1000', 'convnext-31')).toEqual([10.2]);
  });

  it('keep normalised and un-normalised errors of C apart, and flag the odd 36.5', () => {
    const mce = referencesFor('c', { id: 'mce', protocol: '15 corruptions, AlexNet-normalised, release' });
    expect(mce.find(({ model }) => model === 'RepLKNet-31B')).toMatchObject({
      value: 36.5,
      note: expect.stringContaining('un-normalised') as string,
    });
    const plain = referencesFor('c', {
      id: 'mean-error-15',
      protocol: '15 corruptions, un-normalised, release',
    });
    // The Robust-ResNets and DeiT-S, and the two networks that were each other's teachers, alone and taught.
    expect(plain.map(({ value }) => value)).toEqual([
      42.8, 42.3, 42.1, 40.9, 41.6, 51.2, 55.6, 48, 54.2, 49.3,
    ]);
  });

  it('exist for every benchmark of which papers give numbers', () => {
    const ids = new Set(references().map(({ benchmark }) => benchmark));
    expect(BENCHMARKS.map(({ id }) => id).filter((id) => !ids.has(id))).toEqual([
      'v2-threshold-0.7',
      'v2-top-images',
      'c-bar',
      'ood',
    ]);
    const real = { id: 'top1', protocol: 'full1000, any of the reassessed labels' };
    expect(referencesFor('real', real, 'resnet50.tv_in1k@224').map(({ value }) => value)).toEqual([82.969]);
  });
});
