import { choice, field, integer, list, number, orAuto } from '../../schema/fields.ts';
import { patchesAcross, type PatchDrop } from '../inputs/patches.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { changeMetric } from './sweep-scoring.ts';
import { planSweep, runSweep, type SweepPoint } from './sweep.ts';

/** Images that share a pattern in the released code: a batch. (Muzammal-Naseer/IPViT: evaluate.py) */
const BATCH = 256;

const settings = {
  shares: field(
    list(number({ min: 0, max: 1 }), 1, 64),
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    'Shares that are dropped: of the patches, or of the saliency.',
  ),
  patch: field(
    orAuto(integer({ min: 1, max: 4096 })),
    'auto',
    'Side of a patch; `auto` is 16, and an eighth of small images.',
    { unit: 'pixels' },
  ),
  fill: field(
    choice('zero', 'mean', 'noise'),
    'zero',
    'Of what is dropped: black, the mean colour, or random pixels.',
  ),
  patternScope: field(
    choice('image', 'batch'),
    'image',
    'A pattern of its own for each image, or one for 256 consecutive images.',
    { source: 'Muzammal-Naseer/IPViT: evaluate.py' },
  ),
  repetitions: field(integer({ min: 1, max: 1000 }), 3, 'Random patterns of each share.'),
  seed: field(integer({ min: 0 }), 0, 'Of the random patterns.'),
} as const;

type OcclusionSettings = Settings<typeof settings>;

function patchOf({ patch }: OcclusionSettings, imageSize: number): number {
  if (patch !== 'auto') return patch;
  return imageSize >= 112 ? 16 : Math.max(1, Math.floor(imageSize / 8));
}

function pointsOf(
  { imageSize }: Pick<AnalysisContext, 'imageSize'>,
  chosen: OcclusionSettings,
): SweepPoint[] {
  const { shares, fill, patternScope, repetitions, seed } = chosen;
  const patch = patchOf(chosen, imageSize);
  const patches = patchesAcross(imageSize, patch) ** 2;
  const group = patternScope === 'image' ? 1 : BATCH;
  return shares.flatMap((share) =>
    Array.from({ length: repetitions }, (_, repetition): SweepPoint => {
      // Shares are decimals: 0.7 of 10 patches is 7, though 0.7 · 10 is below 7 in binary.
      const count = Math.floor(share * patches + 1e-9);
      const input: PatchDrop = {
        kind: 'patches',
        patch,
        fill,
        choice: { kind: 'random', count, seed, repetition, group },
      };
      const note = `${count} of ${patches} patches of ${patch} px`;
      return { series: 'random', x: share, repetition, input, note };
    }),
  );
}

/** Section 4.1 of the paper, Fig. 4: patches of the images are blacked out. */
export const occlusion = defineAnalysis({
  id: 'occlusion',
  name: 'Occlusion',
  description: 'how accuracy falls as patches of the images are blacked out (Fig. 4)',
  needs: 'images',
  settings,
  presets: { paper: {}, released: { patternScope: 'batch', repetitions: 1 } },
  run: (context, chosen) =>
    runSweep(context, {
      id: 'occlusion',
      name: 'Occlusion',
      settings: settingWords(chosen),
      points: pointsOf(context, chosen),
      beginsClean: true,
      plots: [
        {
          id: 'random',
          title: 'Random patches dropped',
          xLabel: 'share of the patches dropped',
          yLabel: 'change of top-1, points',
          value: 'change',
        },
      ],
      metrics: (curves) =>
        changeMetric(
          { id: 'random-50', label: 'change, half of the patches dropped', protocol: `fill ${chosen.fill}` },
          curves,
          'random',
          0.5,
        ),
    }),
  plan: (context, chosen) => planSweep(context, pointsOf(context, chosen)),
});
