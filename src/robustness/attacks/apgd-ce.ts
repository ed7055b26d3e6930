import { choice, field, integer } from '../../schema/fields.ts';
import { apgdSearch } from './apgd-search.ts';
import { defineAttack } from './attack.ts';
import { crossEntropy } from './objectives.ts';
import { onStanding } from './standing.ts';

/** Steps of APGD and of FAB in AutoAttack. */
export const STEPS = field(integer({ min: 1, max: 100_000 }), 100, 'Steps.');
export const RESTARTS = field(
  integer({ min: 1, max: 1000 }),
  1,
  'Random starts; an image keeps the first that fools the model.',
);

/** Models that were not trained against attacks are right on next to nothing beyond these. */
export const SMALL_EPSILONS = [0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255] as const;

/** Auto-PGD on the cross-entropy, from a random start (Croce & Hein 2020). */
export const apgdCe = defineAttack({
  id: 'apgd-ce',
  name: 'APGD-CE',
  description: 'PGD that chooses its step sizes, on the cross-entropy (Croce & Hein 2020)',
  settings: { norm: field(choice('linf', 'l2'), 'linf', 'Of the ball.'), steps: STEPS, restarts: RESTARTS },
  epsilons: SMALL_EPSILONS,
  draws: 'always',
  onlyCorrect: true,
  canTarget: true,
  passes: ({ steps, restarts }) => 3 * (steps + 1) * restarts,
  run: (model, images, { eps, seed }, { norm, steps, restarts }) =>
    onStanding(
      model,
      images,
      Array.from({ length: restarts }, (_, restart) => (some) => {
        const search = { norm, eps, steps, seed, stream: `apgd-ce ${restart}` };
        return apgdSearch(model, some, crossEntropy(some), search);
      }),
    ),
});
