import { choice, field, integer } from '../../schema/fields.ts';
import { RESTARTS, SMALL_EPSILONS, STEPS } from './apgd-ce.ts';
import { apgdSearch } from './apgd-search.ts';
import { defineAttack, type AttackedImages, type AttackedModel } from './attack.ts';
import { largest, requireClasses, targetedDlr } from './objectives.ts';
import { onStanding, type Attempt } from './standing.ts';

export const TARGETS = field(
  integer({ min: 1, max: 1000 }),
  9,
  'Likeliest other classes that are tried, one after the other.',
);

/** APGD towards each of the likeliest other classes, on the difference of logits ratio (Croce & Hein 2020). */
export const apgdT = defineAttack({
  id: 'apgd-t',
  name: 'APGD-T',
  description: 'APGD towards each of the likeliest other classes, on the DLR loss (Croce & Hein 2020)',
  settings: {
    norm: field(choice('linf', 'l2'), 'linf', 'Of the ball.'),
    steps: STEPS,
    restarts: RESTARTS,
    classes: TARGETS,
  },
  epsilons: SMALL_EPSILONS,
  draws: 'always',
  onlyCorrect: true,
  canTarget: false,
  passes: ({ steps, restarts, classes }, all) => 1 + 3 * (steps + 1) * restarts * Math.min(classes, all - 1),
  run: async (model, images, { eps, seed }, { norm, steps, restarts, classes }) => {
    requireClasses('apgd-t', model, 4);
    return towardsLikeliest(model, images, classes, restarts, (some, targets, stream) => {
      const search = { norm, eps, steps, seed, stream: `apgd-t ${stream}` };
      return apgdSearch(model, some, targetedDlr(some.labels, targets), search);
    });
  },
});

/** A place in the data set → the classes by their logits on the clean image, likeliest first. */
type Ranked = ReadonlyMap<number, readonly number[]>;

/** Tries the likeliest other classes of each image as targets, one after the other, on the images that still stand. */
export async function towardsLikeliest(
  model: AttackedModel,
  images: AttackedImages,
  count: number,
  restarts: number,
  attempt: (images: AttackedImages, targets: readonly number[], stream: string) => Promise<Attempt>,
) {
  const ranked = await rankClasses(model, images, count + 1);
  const turns = Math.min(count, model.classes - 1);
  const attempts = Array.from({ length: turns * restarts }, (_, i) => (some: AttackedImages) => {
    const [turn, restart] = [1 + Math.floor(i / restarts), i % restarts];
    const targets = some.numbers.map((number) => ranked.get(number)?.[turn] as number);
    return attempt(some, targets, `${turn} ${restart}`);
  });
  return onStanding(model, images, attempts);
}

async function rankClasses(model: AttackedModel, images: AttackedImages, count: number): Promise<Ranked> {
  const logits = await model.logits(images.x);
  return new Map(
    images.numbers.map((number, image) => [
      number,
      largest(logits.subarray(image * model.classes, (image + 1) * model.classes), count),
    ]),
  );
}
