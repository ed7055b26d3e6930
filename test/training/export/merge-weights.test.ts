import { describe, expect, it } from 'vitest';
import { MERGE_TOLERANCE, checkAgreement } from '../../../src/training/export/merge-weights.ts';

describe('checkAgreement', () => {
  it('takes rounding', () => {
    checkAgreement({ absolute: 1e-6, relative: 0.9 * MERGE_TOLERANCE, images: 2 }, MERGE_TOLERANCE);
  });

  it.each([2 * MERGE_TOLERANCE, NaN, Infinity])('refuses %d', (relative) => {
    expect(() => {
      checkAgreement({ absolute: 1, relative, images: 2 }, MERGE_TOLERANCE);
    }).toThrow(/The merged model's logits differ/);
  });
});
