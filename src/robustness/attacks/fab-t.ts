import { field, number } from '../../schema/fields.ts';
import { SMALL_EPSILONS, STEPS } from './apgd-ce.ts';
import { TARGETS, towardsLikeliest } from './apgd-t.ts';
import { defineAttack } from './attack.ts';
import { fabSearch } from './fab-search.ts';

/** FAB towards each of the likeliest other classes (Croce & Hein 2020). */
export const fabT = defineAttack({
  id: 'fab-t',
  name: 'FAB-T',
  description: 'steps to the boundary with each of the likeliest other classes (Croce & Hein 2020)',
  settings: {
    steps: STEPS,
    classes: TARGETS,
    alphaMax: field(number({ min: 0, max: 1 }), 0.1, 'Most weight of the way from the clean image.'),
    eta: field(number({ min: 0, open: 'min' }), 1.05, 'How far steps go, of the way to the boundary.'),
    beta: field(
      number({ min: 0, max: 1 }),
      0.9,
      'Share of the change that is kept when the search goes on from an adversarial image.',
    ),
  },
  epsilons: SMALL_EPSILONS,
  draws: 'never',
  needsBounds: true,
  onlyCorrect: true,
  canTarget: false,
  passes: ({ steps, classes }, all) => 1 + 4 * steps * Math.min(classes, all - 1),
  run: (model, images, { eps }, { classes, ...search }) =>
    towardsLikeliest(model, images, classes, 1, (some, targets) =>
      fabSearch(model, some, targets, { ...search, eps }),
    ),
});
