import { choice, field, integer, list, number, orAuto, orNone, text } from '../../schema/fields.ts';
import { patchesAcross, type PatchDrop } from '../inputs/patches.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { occlusionPictures } from './occlusion-pictures.ts';
import { saliencyFile, saliencyOf } from './saliency.ts';
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
    'Side of a patch; `auto` is 16, and an eighth of small images, or the next smaller side that divides the image.',
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
  saliency: field(
    orNone(text),
    'none',
    'Also drop the salient patches, and the others: weights of a vision transformer whose class token says what is salient (DINO S/16 in the paper), or a file .f32 with a row of float32 for each image.',
    { source: 'Muzammal-Naseer/IPViT: evaluate.py' },
  ),
  head: field(integer({ min: 0, max: 1024 }), 1, 'The head of its last block that is read, from 0.', {
    source: 'Muzammal-Naseer/IPViT: evaluate.py',
  }),
  heads: field(
    choice('one', 'mean'),
    'one',
    'Of its last block: one head, as the released code reads, or the mean over all.',
  ),
  boundaryPatch: field(
    choice('include', 'exclude'),
    'include',
    'Whether the patch with which the salient set passes its share is in it.',
    { source: 'include: facebookresearch/dino: visualize_attention.py' },
  ),
  seed: field(integer({ min: 0 }), 0, 'Of the random patterns.'),
} as const;

type OcclusionSettings = Settings<typeof settings>;

export function patchOf({ patch }: Pick<OcclusionSettings, 'patch'>, imageSize: number): number {
  if (patch !== 'auto') return patch;
  // Of a side such as 28 no eighth is whole: the next smaller patch that divides it.
  let side = imageSize >= 112 ? 16 : Math.max(1, Math.floor(imageSize / 8));
  while (imageSize % side !== 0) side--;
  return side;
}

function pointsOf(
  { imageSize }: Pick<AnalysisContext, 'imageSize'>,
  chosen: OcclusionSettings,
  salient: string | undefined,
): SweepPoint[] {
  const { shares, fill, patternScope, repetitions, seed, boundaryPatch: boundary } = chosen;
  const patch = patchOf(chosen, imageSize);
  const patches = patchesAcross(imageSize, patch) ** 2;
  const group = patternScope === 'image' ? 1 : BATCH;
  const drop = (choice: PatchDrop['choice']): PatchDrop => ({ kind: 'patches', patch, fill, choice });
  const random = shares.flatMap((share) =>
    Array.from({ length: repetitions }, (_, repetition): SweepPoint => {
      // Shares are decimals: 0.7 of 10 patches is 7, though 0.7 · 10 is below 7 in binary.
      const count = Math.floor(share * patches + 1e-9);
      const input = drop({ kind: 'random', count, seed, repetition, group });
      const note = `${count} of ${patches} patches of ${patch} px`;
      return { series: 'random', x: share, repetition, input, note };
    }),
  );
  if (salient === undefined) return random;
  const bySaliency = (['salient', 'background'] as const).flatMap((kind) =>
    shares.map((share): SweepPoint => {
      const input = drop({ kind, share, boundary, file: salient });
      return { series: kind, x: share, repetition: 0, input, note: `patches of ${patch} px` };
    }),
  );
  return [...random, ...bySaliency];
}

const DROPS = [
  { id: 'random', title: 'Random patches dropped', xLabel: 'share of the patches dropped' },
  { id: 'salient', title: 'Salient patches dropped', xLabel: 'share of the saliency dropped, highest first' },
  { id: 'background', title: 'Other patches dropped', xLabel: 'share of the saliency dropped, lowest first' },
] as const;

/** Section 4.1 of the paper, Fig. 4: patches of the images are blacked out. */
export const occlusion = defineAnalysis({
  id: 'occlusion',
  name: 'Occlusion',
  description: 'how accuracy falls as patches of the images are blacked out (Fig. 4)',
  needs: 'images',
  settings,
  presets: { paper: {}, released: { patternScope: 'batch', repetitions: 1 } },
  conditions: [
    {
      keys: ['head', 'heads', 'boundaryPatch'],
      words: 'with saliency',
      holds: ({ saliency }) => saliency !== 'none',
    },
    { keys: ['head'], words: 'with heads one', holds: ({ heads }) => heads === 'one' },
  ],
  run: async (context, chosen) => {
    const across = patchesAcross(context.imageSize, patchOf(chosen, context.imageSize));
    const { head: one, heads, ...rest } = chosen;
    const head = heads === 'mean' ? heads : one;
    // Published numbers are of the released choice: head 1, the patch at the boundary dropped.
    const other = [
      ...(heads === 'mean' ? ['mean over heads'] : []),
      ...(chosen.boundaryPatch === 'exclude' ? ['boundary patch excluded'] : []),
    ];
    const saliency =
      chosen.saliency === 'none' ? undefined : await saliencyOf(context, chosen.saliency, { across, head });
    return runSweep(context, {
      id: 'occlusion',
      name: 'Occlusion',
      settings: settingWords({ ...rest, saliency: saliency?.words ?? 'none' }),
      points: pointsOf(context, chosen, saliency?.file),
      beginsClean: true,
      plotOf: (series) => series,
      plots: DROPS.filter(({ id }) => id === 'random' || saliency !== undefined).map((drop) => ({
        ...drop,
        yLabel: 'change of top-1, points',
        value: 'change',
        ...(drop.id === 'salient' && { published: { metric: 'salient-50', x: 0.5 } }),
      })),
      metrics: (curves) =>
        DROPS.flatMap(({ id, title }) =>
          changeMetric(
            {
              id: `${id}-50`,
              label: `change at 50 %, ${title.toLowerCase()}`,
              protocol: [...(id === 'random' ? [] : other), `fill ${chosen.fill}`].join(', '),
            },
            curves,
            id,
            0.5,
          ),
        ),
    });
  },
  pictures: (context, chosen) => {
    const half = { ...chosen, shares: [0.5], repetitions: 1 };
    const file = chosen.saliency === 'none' ? undefined : saliencyFile(context);
    // The picture shows which patches are dropped, not what takes their place.
    const shown = chosen.fill === 'zero' ? '' : ', shown black';
    const drops = pointsOf(context, half, file).flatMap(({ series, input }) =>
      input?.kind === 'patches' ? [{ label: `${series}, 50 %${shown}`, change: input }] : [],
    );
    return occlusionPictures(context, drops);
  },
  points: (context, chosen) =>
    pointsOf(context, chosen, chosen.saliency === 'none' ? undefined : chosen.saliency).length,
  plan: (context, chosen) =>
    planSweep(context, pointsOf(context, chosen, chosen.saliency === 'none' ? undefined : chosen.saliency)),
});
