import { boolean, choice, field, integer, list, number } from '../../schema/fields.ts';
import { bandRms, type BandNoise } from '../inputs/noise-band.ts';
import { defineAnalysis, settingWords, type AnalysisContext, type Settings } from './analysis.ts';
import { changeMetric } from './sweep-scoring.ts';
import { planSweep, runSweep, type SweepPoint } from './sweep.ts';

const settings = {
  centres: field(
    list(number({ min: 0, max: 1 }), 1, 64),
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    'Centres of the bands.',
    { unit: 'π' },
  ),
  halfWidth: field(number({ min: 0, max: 1, open: 'min' }), 0.05, 'Half the width of a band.', { unit: 'π' }),
  amplitude: field(
    number({ min: 0, max: 100 }),
    0.7,
    'Amplitude of the noise before the band is cut out of it.',
    {
      source: 'xxxnell/how-do-vits-work, issue 44',
    },
  ),
  epsSpace: field(
    choice('normalised', 'pixel'),
    'normalised',
    'What the amplitude is in: values after normalisation, or pixels of [0, 1].',
  ),
  distribution: field(
    choice('sign', 'gaussian', 'uniform'),
    'sign',
    'Of the noise before the band is cut out of it.',
  ),
  ring: field(
    choice('square', 'radial'),
    'square',
    'Bands by the larger of both frequencies, or by their length.',
  ),
  energy: field(
    choice('as filtered', 'rms'),
    'as filtered',
    '`rms` gives every band the same energy; otherwise a band of more bins has more.',
  ),
  clamp: field(boolean, false, 'Keep pixels in [0, 1].'),
  repetitions: field(integer({ min: 1, max: 1000 }), 1, 'Noises of each image.'),
  seed: field(integer({ min: 0 }), 0, 'Of the noise.'),
} as const;

type FrequencySettings = Settings<typeof settings>;

function pointsOf(
  { imageSize }: Pick<AnalysisContext, 'imageSize'>,
  { centres, ...rest }: FrequencySettings,
): SweepPoint[] {
  const {
    halfWidth,
    amplitude,
    epsSpace: space,
    distribution,
    ring,
    energy,
    clamp,
    repetitions,
    seed,
  } = rest;
  return centres.flatMap((centre) =>
    Array.from({ length: repetitions }, (_, repetition): SweepPoint => {
      const input: BandNoise = {
        kind: 'noise',
        ...{ amplitude, space, distribution, centre, halfWidth, ring, energy, clamp, seed, repetition },
      };
      // For those who compare with other implementations.
      const note = `rms ${bandRms(input, imageSize).toFixed(4)} of the amplitude before the band is cut out`;
      return { series: 'noise', x: centre, repetition, input, note };
    }),
  );
}

/** Section 4.4 of the paper, Fig. 8: noise of one band of frequencies. */
export const frequency = defineAnalysis({
  id: 'frequency',
  name: 'Noise by frequency',
  description: 'how accuracy falls under noise of one band of frequencies (Fig. 8)',
  needs: 'images',
  settings,
  // Neither the paper nor its code says more than the width of the bands and their places.
  presets: { paper: {} },
  run: (context, chosen) =>
    runSweep(context, {
      id: 'frequency',
      name: 'Noise by frequency',
      settings: settingWords(chosen),
      points: pointsOf(context, chosen),
      beginsClean: false,
      plots: [
        {
          id: 'noise',
          title: 'Noise of one band of frequencies',
          xLabel: 'centre of the band / π',
          yLabel: 'change of top-1, points',
          value: 'change',
          published: { metric: 'noise-0.7pi', x: 0.7 },
        },
      ],
      metrics: (curves) =>
        changeMetric(
          {
            id: 'noise-0.7pi',
            label: 'change, noise at 0.7π',
            protocol: `amplitude ${chosen.amplitude} ${chosen.epsSpace}`,
          },
          curves,
          'noise',
          0.7,
        ),
    }),
  points: (context, chosen) => pointsOf(context, chosen).length,
  plan: (context, chosen) => planSweep(context, pointsOf(context, chosen)),
});
