import { field, integer } from '../../schema/fields.ts';
import { Rng } from '../../util/rng.ts';
import { type Attack, type AttackedImages, type AttackedModel, defineAttack } from './attack.ts';
import { ballAround, gather, project, zeroShares } from './ball.ts';
import { logit } from './objectives.ts';
import { STEP_SIZE, stepSizeOf } from './pgd.ts';

interface Path {
  /** Intervals between black and the image. */
  readonly samples: number;
  /** Uniform noise of ±ε on every point, as TAIG-R has it. */
  readonly noise: number;
  readonly seed: number;
  readonly step: number;
}

/**
 * Transferable attack with integrated gradients (Huang & Kong 2022): steps along the sign of the integrated gradient of the class's logit from
 * black to the image; -R integrates along noisy points, which stand for a random path of straight pieces.
 */
function taig(variant: 's' | 'r'): Attack {
  const isNoisy = variant === 'r';
  return defineAttack({
    id: `taig-${variant}`,
    name: `TAIG-${variant.toUpperCase()}`,
    description: `steps along integrated gradients ${isNoisy ? 'of a noisy path' : 'of a straight path'}, for transfer to other models (Huang & Kong 2022)`,
    settings: {
      steps: field(integer({ min: 1, max: 100_000 }), 20, 'Steps.'),
      stepSize: field(
        STEP_SIZE,
        1 / 255,
        'Length of a step in the units of ε; auto: 1.25 ε/steps, which fills the ball.',
      ),
      samples: field(integer({ min: 1, max: 10_000 }), 20, 'Pieces of the path from black to the image.'),
    },
    epsilons: [0.03, 0.06, 0.1],
    draws: isNoisy ? 'always' : 'never',
    onlyCorrect: false,
    canTarget: true,
    eightBit: true,
    // One path more, by which completeness is measured.
    passes: ({ steps, samples }) => 3 * (samples + 1) * (steps + 1),
    run: async (model, images, { eps, seed }, { steps, stepSize, samples }) => {
      const { elems } = model;
      const ball = ballAround(images.x, eps, 'linf', model);
      const size = Math.fround(stepSizeOf(stepSize, eps, 1.25 / steps));
      const zeroShare = new Float64Array(images.labels.length);
      const notes = { completeness: new Float64Array(images.labels.length) };
      const x = images.x.slice();
      // Image by image: the points of one path fill the passes.
      for (const image of images.labels.keys()) {
        const z = x.subarray(image * elems, (image + 1) * elems);
        const straight = { samples, noise: 0, seed, step: 0 };
        notes.completeness[image] = await completeness(model, images, image, straight);
        for (let step = 0; step < steps; step++) {
          const path = { samples, noise: isNoisy ? eps : 0, seed, step };
          const { attribution } = await integrate(model, images, image, z, path);
          if (step === 0) zeroShare.set(zeroShares(attribution, elems), image);
          for (let i = 0; i < elems; i++)
            z[i] = (z[i] as number) + size * Math.sign(attribution[i] as number);
          const range = [image * elems, (image + 1) * elems] as const;
          project(z, {
            ...ball,
            x: ball.x.subarray(...range),
            lower: ball.lower.subarray(...range),
            upper: ball.upper.subarray(...range),
          });
        }
      }
      return { x, zeroShare, notes };
    },
  });
}

export const taigS = taig('s');
export const taigR = taig('r');

interface Integral {
  /** (elems): what each pixel adds to the class's logit, with the sign of the attack. */
  readonly attribution: Float64Array;
  /** The class's logit at the points, in their order. */
  readonly logits: Float64Array;
}

/**
 * The integrated gradient of one image: its difference from black times the mean gradient over the points.
 * @param z the image as it now is @param ends weight of both ends in the mean: 1, or 1/2 for the trapezoid rule
 */
async function integrate(
  model: AttackedModel,
  { labels, targets, numbers }: Pick<AttackedImages, 'labels' | 'targets' | 'numbers'>,
  image: number,
  z: Float32Array,
  { samples, noise, seed, step }: Path,
  ends = 1,
): Promise<Integral> {
  const { elems } = model;
  const points = new Float32Array((samples + 1) * elems);
  for (let s = 0; s <= samples; s++)
    for (let i = 0; i < elems; i++) points[s * elems + i] = (s / samples) * (z[i] as number);
  if (noise > 0) {
    const rng = new Rng(seed, `taig step ${step}`, numbers[image]);
    for (let i = 0; i < points.length; i++) points[i] = (points[i] as number) + rng.between(-noise, noise);
  }
  const wanted = (targets ?? labels)[image] as number;
  // Away from the label, or towards the target.
  const sign = targets === undefined ? -1 : 1;
  const classes = new Array<number>(samples + 1).fill(wanted);
  const { dx, values } = await model.gradient(points, logit(classes, sign));
  const attribution = new Float64Array(elems);
  const total = samples - 1 + 2 * ends;
  for (let s = 0; s <= samples; s++) {
    const weight = (s === 0 || s === samples ? ends : 1) / total;
    for (let i = 0; i < elems; i++)
      attribution[i] = (attribution[i] as number) + weight * (dx[s * elems + i] as number);
  }
  const last = samples * elems;
  for (let i = 0; i < elems; i++)
    attribution[i] = (attribution[i] as number) * ((points[last + i] as number) - (points[i] as number));
  return { attribution, logits: values };
}

/**
 * Attributions add up to the difference of the logits (Sundararajan et al. 2017): by how much of that difference they miss it on the clean
 * image, by the trapezoid rule on the straight path.
 */
async function completeness(
  model: AttackedModel,
  images: AttackedImages,
  image: number,
  path: Path,
): Promise<number> {
  const clean = gather(images.x, [image], model.elems);
  const { attribution, logits } = await integrate(model, images, image, clean, path, 1 / 2);
  const sum = attribution.reduce((total, value) => total + value, 0);
  const due = (logits.at(-1) as number) - (logits[0] as number);
  return Math.abs(sum - due) / Math.max(Math.abs(due), 1e-12);
}
