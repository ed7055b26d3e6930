import { FrameworkError } from '../../util/errors.ts';
import { Rng } from '../../util/rng.ts';
import { argmax } from '../metrics/accuracy.ts';
import type { Examined, ExaminedImage, ImageNotes } from '../classifier/classifier.ts';
import type { AdversarialSet } from './adversarial-set.ts';
import type { Adversarial, Attack, AttackedImages } from './attack.ts';
import { ballAround, distance2, distanceMax, type Norm } from './ball.ts';
import type { SessionModel } from './session-model.ts';
import { someOf } from './standing.ts';

/** The classes that images shall be taken for: none in particular, or one each; a number is that class for all. */
export type Aim = 'any' | 'random' | 'least-likely' | number;

/** An attack with all that it is told. */
export interface AttackPlan {
  readonly attack: Attack;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly aim: Aim;
  /** Adversarial images are rounded to 8 bits, within the ball. */
  readonly eightBit: boolean;
  /** What changes are checked by; null where the images are of another size or space, so that no ball is known. */
  readonly norm: Norm | null;
  /** Where adversarial images are kept. */
  readonly save: AdversarialSet | undefined;
}

/**
 * Attacks images and gives the logits of what came out. At ε = 0 they are the images themselves.
 * @param batch (n, 3, h, w) as the evaluation gives it, normalised
 */
export async function examine(
  model: SessionModel,
  plan: AttackPlan,
  eps: number,
  batch: Float32Array,
  images: readonly ExaminedImage[],
): Promise<Examined> {
  const { elems, classes } = model;
  const clean: AttackedImages = {
    x: model.fromInput(batch),
    labels: images.map(({ label }) => label),
    numbers: images.map(({ number }) => number),
  };
  const rowOf = (logits: Float32Array, image: number) =>
    logits.subarray(image * classes, (image + 1) * classes);
  if (eps === 0)
    return { logits: await model.logits(clean.x), notes: clean.labels.map(() => ({ sums: {}, maxima: {} })) };
  const before = await beforeAttack(model, plan, clean);
  const aimed = aimOf(plan, clean, before, classes);
  const attacked = [...clean.labels.keys()].filter((image) => {
    const isRight = before === undefined || argmax(rowOf(before, image)) === clean.labels[image];
    return (isRight || !plan.attack.onlyCorrect) && aimed?.[image] !== clean.labels[image];
  });
  const some = someOf({ ...clean, targets: aimed }, attacked, elems);
  const made =
    attacked.length === 0
      ? { x: some.x }
      : await plan.attack.run(model, some, { eps, seed: plan.seed }, plan.settings);
  const x = clean.x.slice();
  attacked.forEach((image, i) => {
    x.set(made.x.subarray(i * elems, (i + 1) * elems), image * elems);
  });
  if (plan.eightBit) toEightBits(x, clean.x, eps, model);
  checkBall(x, clean.x, eps, plan.norm, model);
  if (plan.save !== undefined) await save(plan.save, eps, clean.numbers, model.toPixels(x), elems);
  const logits = await model.logits(x);
  return { logits, notes: notesOf({ x, clean, attacked, made, aimed, logits, classes, elems }) };
}

/** Clean logits, where something is chosen by them. */
async function beforeAttack(model: SessionModel, { attack, aim }: AttackPlan, { x }: AttackedImages) {
  return attack.onlyCorrect || aim === 'least-likely' ? model.logits(x) : undefined;
}

/** The class each image shall be taken for. */
function aimOf(
  { aim, seed }: AttackPlan,
  { labels, numbers }: AttackedImages,
  before: Float32Array | undefined,
  classes: number,
): number[] | undefined {
  if (aim === 'any') return undefined;
  return labels.map((label, image) => {
    if (typeof aim === 'number') return aim;
    if (aim === 'random') {
      const other = new Rng(seed, 'attack target', numbers[image]).int(classes - 1);
      return other < label ? other : other + 1;
    }
    const row = before?.subarray(image * classes, (image + 1) * classes) ?? new Float32Array();
    return row.reduce((least, value, k) => (value < (row[least] as number) ? k : least), 0);
  });
}

/** Rounds to v/255, to the next value within the ball where the nearest lies beyond. */
function toEightBits(x: Float32Array, clean: Float32Array, eps: number, model: SessionModel): void {
  const { lower, upper } = ballAround(clean, eps, 'linf', model);
  for (let i = 0; i < x.length; i++) {
    let v = Math.round(255 * (x[i] as number));
    while (Math.fround(v / 255) > (upper[i] as number)) v--;
    while (Math.fround(v / 255) < (lower[i] as number)) v++;
    x[i] = v / 255;
  }
}

/** No attack may leave its ball or the range of images: a number from one that does is worth nothing. */
function checkBall(
  x: Float32Array,
  clean: Float32Array,
  eps: number,
  norm: Norm | null,
  model: SessionModel,
): void {
  const { elems, bounds } = model;
  const [low, high] = bounds;
  for (let at = 0; at < x.length; at += elems) {
    const far =
      norm === null ? 0 : norm === 'linf' ? distanceMax(x, clean, at, elems) : distance2(x, clean, at, elems);
    const isImage = x
      .subarray(at, at + elems)
      .every((value) => value >= low && value <= high && Number.isFinite(value));
    if (far <= eps && isImage) continue;
    throw new FrameworkError(
      'attack/ball',
      isImage
        ? `Image ${at / elems} of a batch was changed by ${far} in ${norm ?? ''} where ε is ${eps}.`
        : `Image ${at / elems} of a batch holds values outside ${low} … ${high}.`,
      { hint: 'Saved images belong to the images and the ε that they were made with.' },
    );
  }
}

async function save(
  set: AdversarialSet,
  eps: number,
  numbers: readonly number[],
  pixels: Float32Array,
  elems: number,
) {
  for (const [image, number] of numbers.entries())
    await set.write(eps, number, pixels.subarray(image * elems, (image + 1) * elems));
}

interface Made {
  readonly x: Float32Array;
  readonly clean: AttackedImages;
  readonly attacked: readonly number[];
  readonly made: Adversarial;
  readonly aimed: readonly number[] | undefined;
  readonly logits: Float32Array;
  readonly classes: number;
  readonly elems: number;
}

function notesOf({ x, clean, attacked, made, aimed, logits, classes, elems }: Made): ImageNotes[] {
  const places = new Map(attacked.map((image, i) => [image, i]));
  return clean.labels.map((_, image) => {
    const place = places.get(image);
    const at = image * elems;
    const linf = distanceMax(x, clean.x, at, elems);
    const isUntouched = place !== undefined && made.zeroShare?.[place] === 1 && linf === 0;
    const predicted = argmax(logits.subarray(image * classes, (image + 1) * classes));
    const own = Object.entries(made.notes ?? {}).map(
      ([name, values]) => [name, values[place ?? -1] ?? 0] as const,
    );
    return {
      sums: {
        attacked: place === undefined ? 0 : 1,
        untouched: isUntouched ? 1 : 0,
        zeros: made.zeroShare?.[place ?? -1] ?? 0,
        ...(aimed && { hit: place !== undefined && predicted === aimed[image] ? 1 : 0 }),
        l2: distance2(x, clean.x, at, elems),
        ...Object.fromEntries(own),
      },
      maxima: { linf, ...Object.fromEntries(own) },
    };
  });
}
