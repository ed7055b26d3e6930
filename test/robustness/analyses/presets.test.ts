import { describe, expect, it } from 'vitest';
import { presetsOf, settingsOf } from '../../../src/robustness/analyses/presets.ts';
import { ANALYSES, findAnalysis } from '../../../src/robustness/analyses/registry.ts';

describe('settings', () => {
  it.each(ANALYSES)('of $id have values that they may have, in every preset', (analysis) => {
    for (const preset of presetsOf(analysis)) {
      const settings = settingsOf(analysis, preset, {});
      expect(Object.keys(settings)).toEqual(Object.keys(analysis.settings));
    }
  });

  it('of a preset differ from the defaults as the papers and their code do', () => {
    const of = (id: string, preset: 'paper' | 'released') => settingsOf(findAnalysis(id), preset, {});
    expect(of('occlusion', 'released')).toMatchObject({ patternScope: 'batch', repetitions: 1 });
    expect(of('lesion', 'released')).toMatchObject({ candidates: 'released', samples: 10 });
    expect(of('kernel-distance', 'released')).toMatchObject({ normaliseBy: 'none' });
    expect(of('variance', 'released')).toMatchObject({
      reduce: 'batchMean',
      images: 128,
      sweeps: 10,
      pool: 1280,
    });
    expect(of('variance', 'paper')).toMatchObject({ reduce: 'perImage', images: 64 });
  });

  it('that are lists are points along x: in whatever order they are given, and each once', () => {
    const given = { shares: [0.5, 0.1, 0.5] };
    expect(settingsOf(findAnalysis('occlusion'), 'default', given)).toMatchObject({ shares: [0.1, 0.5] });
  });

  it('that are unknown, out of range or without effect are refused', () => {
    const lesion = findAnalysis('lesion');
    expect(() => settingsOf(lesion, 'default', { samples: 0 })).toThrow(
      'samples is 0; allowed: integer 1 … 1000',
    );
    expect(() => settingsOf(lesion, 'default', { mode: 'single', samples: 3 })).toThrow(
      'only with mode random',
    );
    expect(() => settingsOf(findAnalysis('occlusion'), 'default', { head: 2 })).toThrow('only with saliency');
    expect(() => settingsOf(findAnalysis('shape-bias'), 'paper', {})).toThrow('no preset paper');
    expect(() => findAnalysis('lesions')).toThrow('no analysis named lesions');
  });
});
