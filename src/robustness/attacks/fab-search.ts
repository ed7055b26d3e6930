import type { AttackedImages, AttackedModel } from './attack.ts';
import { distanceMax, gather } from './ball.ts';
import { difference, isFooled } from './objectives.ts';
import type { Attempt } from './standing.ts';

export interface FabSearch {
  readonly eps: number;
  readonly steps: number;
  /** Most weight of the way from the clean image. */
  readonly alphaMax: number;
  /** How far steps go, of the way to the boundary. */
  readonly eta: number;
  /** Share of the change that is kept when the search goes on from an adversarial image. */
  readonly beta: number;
}

/**
 * Fast adaptive boundary attack (Croce & Hein 2020, "Minimally distorted adversarial examples"), l∞, from the clean image: steps towards the
 * boundary between the label and a target as the gradient shows it, mixed with those that would lead there from the clean image. It looks for
 * the nearest adversarial image; one within ε is enough here.
 * @param targets the class whose boundary is sought, of each image
 */
export async function fabSearch(
  model: AttackedModel,
  images: AttackedImages,
  targets: readonly number[],
  search: FabSearch,
): Promise<Attempt> {
  const { elems, classes, bounds } = model;
  const out = images.x.slice();
  const fooled = new Uint8Array(images.labels.length);
  const objective = difference(images.labels, targets);
  const rowOf = (all: Float32Array, row: number) => all.subarray(row * elems, (row + 1) * elems);
  let open = [...images.labels.keys()];
  let z: Float32Array = images.x.slice();
  for (let i = 0; i < search.steps && open.length > 0; i++) {
    const list = open;
    const { dx, values } = await model.gradient(z, (row, dz, k) => objective(row, dz, list[k] as number));
    for (const [k, image] of list.entries())
      step(rowOf(z, k), rowOf(images.x, image), rowOf(dx, k), {
        value: values[k] as number,
        bounds,
        ...search,
      });
    const logits = await model.logits(z);
    const left: number[] = [];
    for (const [k, image] of list.entries()) {
      const [current, clean] = [rowOf(z, k), rowOf(images.x, image)];
      if (isFooled(logits.subarray(k * classes, (k + 1) * classes), image, images)) {
        if (distanceMax(current, clean, 0, elems) <= search.eps) {
          out.set(current, image * elems);
          fooled[image] = 1;
          continue;
        }
        for (let j = 0; j < elems; j++) {
          const from = clean[j] as number;
          current[j] = from + ((current[j] as number) - from) * search.beta;
        }
      }
      left.push(k);
    }
    if (left.length < list.length) z = gather(z, left, elems);
    open = left.map((k) => list[k] as number);
  }
  return { x: out, fooled };
}

interface Step extends Pick<FabSearch, 'alphaMax' | 'eta'> {
  /** z_t − z_y at the image; `w` is its gradient. */
  readonly value: number;
  readonly bounds: readonly [number, number];
}

/** One step of an image, in place. */
function step(
  z: Float32Array,
  clean: Float32Array,
  w: Float32Array,
  { value, bounds, alphaMax, eta }: Step,
): void {
  // The linear model's value at the clean image.
  let atClean = value;
  for (let i = 0; i < z.length; i++) atClean += (w[i] as number) * ((clean[i] as number) - (z[i] as number));
  const [own, fromClean] = [toBoundary(z, w, value, bounds), toBoundary(clean, w, atClean, bounds)];
  const [a, b] = [Math.max(own.length, 1e-8), Math.max(fromClean.length, 1e-8)];
  const alpha = Math.min(a / (a + b), alphaMax);
  const [low, high] = bounds;
  for (let i = 0; i < z.length; i++) {
    const [x, c] = [z[i] as number, clean[i] as number];
    const mixed = (x + eta * own.change(i)) * (1 - alpha) + (c + eta * fromClean.change(i)) * alpha;
    z[i] = Math.min(high, Math.max(low, mixed));
  }
}

/**
 * The smallest change in l∞ after which the linear function with slopes `w`, which is `value` at x, is zero, within bounds; where there is
 * none, each pixel goes to its bound. Every pixel moves by λ or as far as it can: Newton's steps find λ, since what is gained is a concave
 * function of it, made of lines.
 */
export function toBoundary(
  x: Float32Array,
  w: Float32Array,
  value: number,
  [low, high]: readonly [number, number],
): { readonly length: number; readonly change: (i: number) => number } {
  const down = value >= 0;
  const isUp = (i: number) => (w[i] as number) > 0 !== down;
  const room = (i: number) => (isUp(i) ? high - (x[i] as number) : (x[i] as number) - low);
  const needed = Math.abs(value);
  let lambda = 0;
  for (;;) {
    let [gained, slope] = [0, 0];
    for (let i = 0; i < x.length; i++) {
      const weight = Math.abs(w[i] as number);
      if (weight === 0) continue;
      const most = room(i);
      gained += weight * Math.min(lambda, most);
      if (most > lambda) slope += weight;
    }
    if (slope === 0) {
      if (gained < needed) lambda = Infinity;
      break;
    }
    const next = lambda + (needed - gained) / slope;
    if (!(next > lambda)) break;
    lambda = next;
  }
  const change = (i: number) => {
    if (w[i] === 0) return 0;
    const by = Math.min(lambda, room(i));
    return isUp(i) ? by : -by;
  };
  let length = 0;
  for (let i = 0; i < x.length; i++) length = Math.max(length, Math.abs(change(i)));
  return { length, change };
}
