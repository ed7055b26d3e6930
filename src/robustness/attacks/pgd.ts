import { boolean, choice, field, integer, number, orAuto } from '../../schema/fields.ts';
import { FrameworkError } from '../../util/errors.ts';
import { defineAttack, type AttackedImages, type AttackedModel } from './attack.ts';
import { ascend, ballAround, gather, project, randomStart, zeroShares, type Ball } from './ball.ts';
import { crossEntropy, isFooled } from './objectives.ts';

/** The step that was given, or a share of ε. */
export function stepSizeOf(given: number | 'auto', eps: number, share: number): number {
  return given === 'auto' ? eps * share : given;
}

export const STEP_SIZE = orAuto(number({ min: 0, open: 'min' }));

/**
 * Projected gradient descent (Madry et al. 2018): steps along the sign of the gradient (l∞) or along it (l2), each followed by a projection.
 * With restarts an image keeps the first that fools the model.
 */
export const pgd = defineAttack({
  id: 'pgd',
  name: 'PGD',
  description: 'steps along the gradient, each projected into the ball (Madry et al. 2018)',
  settings: {
    norm: field(choice('linf', 'l2'), 'linf', 'Of the ball.'),
    steps: field(integer({ min: 1, max: 100_000 }), 5, 'Steps.'),
    stepSize: field(STEP_SIZE, 'auto', 'Length of a step in the units of ε; auto: ε/4.'),
    randomStart: field(boolean, false, 'Begin at a random place in the ball.'),
    restarts: field(
      integer({ min: 1, max: 1000 }),
      1,
      'Random starts; an image keeps the first that fools the model.',
    ),
  },
  epsilons: [0.002, 0.004, 0.006, 0.008],
  draws: 'randomStart',
  onlyCorrect: false,
  canTarget: true,
  passes: ({ steps, restarts }) => 3 * steps * restarts,
  run: async (model, images, { eps, seed }, { norm, steps, stepSize, randomStart: isRandom, restarts }) => {
    if (restarts > 1 && !isRandom)
      throw new FrameworkError(
        'attack/setting',
        `${restarts} restarts of PGD were asked for, all from the clean image.`,
        {
          hint: 'Add --random-start.',
        },
      );
    const ball = ballAround(images.x, eps, norm, model);
    const step = stepSizeOf(stepSize, eps, 1 / 4);
    let best: Float32Array | undefined;
    let zeroShare: Float64Array | undefined;
    const open = new Set(images.labels.keys());
    for (let restart = 0; restart < restarts && open.size > 0; restart++) {
      const draw = { seed, stream: `attack start ${restart}`, numbers: images.numbers };
      const start = isRandom ? randomStart(ball, draw, 'inside') : images.x.slice();
      const { x, zero } = await climb(model, images, ball, start, { steps, step });
      zeroShare ??= zero;
      best = best === undefined ? x : kept(best, x, open, model.elems);
      if (restart + 1 < restarts) await close(model, images, best, open);
    }
    return { x: best ?? images.x, ...(zeroShare && { zeroShare }) };
  },
});

async function climb(
  model: AttackedModel,
  images: AttackedImages,
  ball: Ball,
  start: Float32Array,
  { steps, step }: { readonly steps: number; readonly step: number },
): Promise<{ x: Float32Array; zero: Float64Array | undefined }> {
  const objective = crossEntropy(images);
  let x = start;
  let zero: Float64Array | undefined;
  for (let i = 0; i < steps; i++) {
    const { dx } = await model.gradient(x, objective);
    zero ??= zeroShares(dx, model.elems);
    x = ascend(x, dx, () => step, ball);
    project(x, ball);
  }
  return { x, zero };
}

/** Images that still stand take the newer start's. */
function kept(best: Float32Array, x: Float32Array, open: ReadonlySet<number>, elems: number): Float32Array {
  for (const image of open) best.set(x.subarray(image * elems, (image + 1) * elems), image * elems);
  return best;
}

async function close(
  model: AttackedModel,
  images: AttackedImages,
  x: Float32Array,
  open: Set<number>,
): Promise<void> {
  const list = [...open];
  const logits = await model.logits(gather(x, list, model.elems));
  list.forEach((image, i) => {
    const row = logits.subarray(i * model.classes, (i + 1) * model.classes);
    if (isFooled(row, image, images)) open.delete(image);
  });
}
