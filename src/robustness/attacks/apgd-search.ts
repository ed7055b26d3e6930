import type { AttackedImages, AttackedModel, Objective } from './attack.ts';
import {
  ascend,
  ballAround,
  gather,
  project,
  randomStart,
  zeroShares,
  type Ball,
  type Norm,
} from './ball.ts';
import { isFooled } from './objectives.ts';

/** Share of the steps after which a step size is looked at for the first time, by which the intervals shrink, and the shortest. */
const CHECK = { first: 0.22, shrink: 0.03, least: 0.06 } as const;
/** Share of the steps since the last check: with fewer rises the step is halved. */
const RISES = 0.75;
/** Share of the plain step in a step with momentum. */
const PLAIN = 0.75;

export interface Search {
  readonly norm: Norm;
  readonly eps: number;
  readonly steps: number;
  readonly seed: number;
  /** Seed of the random start. */
  readonly stream: string;
}

export interface Found {
  /** Where the model was fooled, or else where the objective was largest. */
  readonly x: Float32Array;
  /** 1 for images that fool the model. */
  readonly fooled: Uint8Array;
  readonly zeroShare: Float64Array;
}

/** Where the search stands with one image. */
interface State {
  /** Place among the images. */
  readonly image: number;
  step: number;
  best: number;
  /** Values of the objective since the last look, the one before first. */
  trail: number[];
  wasHalved: boolean;
  bestAtCheck: number;
}

/** The images that are still searched, one row each. */
interface Rows {
  states: State[];
  /** The images, here and one step earlier; where the objective was largest, and its gradient there. */
  z: Float32Array;
  before: Float32Array;
  dz: Float32Array;
  best: Float32Array;
  dbest: Float32Array;
}

/**
 * Auto-PGD (Croce & Hein 2020): projected steps with momentum, whose size is halved where the objective stops rising; the search then goes on
 * from the best point. An image is done when the model is fooled.
 * @param objective of images by their place in `images`
 */
export async function apgdSearch(
  model: AttackedModel,
  images: AttackedImages,
  objective: Objective,
  search: Search,
): Promise<Found> {
  const { elems } = model;
  const n = images.labels.length;
  const found: Found = { x: images.x.slice(), fooled: new Uint8Array(n), zeroShare: new Float64Array(n) };
  const whole = ballAround(images.x, search.eps, search.norm, model);
  const start = randomStart(whole, { ...search, numbers: images.numbers }, 'edge');
  let rows = await begin(model, images, objective, start, search.eps, found);
  rows = settle(rows, found, elems);
  let [next, interval] = [Math.max(1, Math.floor(CHECK.first * search.steps)), 0];
  interval = next;
  for (let i = 0; i < search.steps && rows.states.length > 0; i++) {
    const ball = ballOf(whole, rows, elems);
    const moved = stepOf(rows, ball, i === 0 ? 1 : PLAIN);
    rows.before = rows.z;
    rows.z = moved;
    await look(model, images, objective, rows, found);
    if (i + 1 === next) {
      check(rows, interval, elems);
      interval = Math.max(
        interval - Math.max(1, Math.floor(CHECK.shrink * search.steps)),
        Math.max(1, Math.floor(CHECK.least * search.steps)),
      );
      next += interval;
    }
    rows = settle(rows, found, elems);
  }
  for (const [row, { image }] of rows.states.entries())
    found.x.set(rows.best.subarray(row * elems, (row + 1) * elems), image * elems);
  return found;
}

async function begin(
  model: AttackedModel,
  images: AttackedImages,
  objective: Objective,
  start: Float32Array,
  eps: number,
  found: Found,
): Promise<Rows> {
  const { logits, dx, values } = await model.gradient(start, objective);
  found.zeroShare.set(zeroShares(dx, model.elems));
  const states = images.labels.map((_, image): State => {
    const value = values[image] as number;
    const row = logits.subarray(image * model.classes, (image + 1) * model.classes);
    if (isFooled(row, image, images)) found.fooled[image] = 1;
    // The reference compares the first step with a value of zero before it.
    return { image, step: 2 * eps, best: value, trail: [0], wasHalved: true, bestAtCheck: value };
  });
  return { states, z: start, before: start, dz: dx, best: start.slice(), dbest: dx.slice() };
}

/** Takes images that fool the model out of the search, as they are. */
function settle(rows: Rows, found: Found, elems: number): Rows {
  const left: number[] = [];
  for (const [row, { image }] of rows.states.entries())
    if (found.fooled[image] === 1)
      found.x.set(rows.z.subarray(row * elems, (row + 1) * elems), image * elems);
    else left.push(row);
  if (left.length === rows.states.length) return rows;
  const { z, before, dz, best, dbest } = rows;
  const [newZ, newBefore, newDz, newBest, newDbest] = [z, before, dz, best, dbest].map((all) =>
    gather(all, left, elems),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  return {
    states: left.map((row) => rows.states[row] as State),
    ...{ z: newZ, before: newBefore, dz: newDz, best: newBest, dbest: newDbest },
  };
}

function ballOf(whole: Ball, { states }: Rows, elems: number): Ball {
  const list = states.map(({ image }) => image);
  const some = (all: Float32Array) => gather(all, list, elems);
  return { ...whole, x: some(whole.x), lower: some(whole.lower), upper: some(whole.upper) };
}

function stepOf({ states, z, before, dz }: Rows, ball: Ball, plain: number): Float32Array {
  const target = ascend(z, dz, (row) => (states[row] as State).step, ball);
  project(target, ball);
  for (let i = 0; i < z.length; i++) {
    const at = z[i] as number;
    target[i] = at + plain * ((target[i] as number) - at) + (1 - plain) * (at - (before[i] as number));
  }
  project(target, ball);
  return target;
}

/** Logits, values and gradients where the search now is. */
async function look(
  model: AttackedModel,
  images: AttackedImages,
  objective: Objective,
  rows: Rows,
  found: Found,
): Promise<void> {
  const { elems, classes } = model;
  const { states } = rows;
  const { logits, dx, values } = await model.gradient(rows.z, (z, dz, row) =>
    objective(z, dz, (states[row] as State).image),
  );
  rows.dz = dx;
  for (const [row, state] of states.entries()) {
    if (isFooled(logits.subarray(row * classes, (row + 1) * classes), state.image, images))
      found.fooled[state.image] = 1;
    const value = values[row] as number;
    state.trail.push(value);
    if (value <= state.best) continue;
    state.best = value;
    const range = [row * elems, (row + 1) * elems] as const;
    rows.best.set(rows.z.subarray(...range), range[0]);
    rows.dbest.set(dx.subarray(...range), range[0]);
  }
}

/** Halves the step of images whose objective rose too seldom, or whose best did not improve with the same step; they go back to their best. */
function check(rows: Rows, interval: number, elems: number): void {
  for (const [row, state] of rows.states.entries()) {
    const { trail } = state;
    let rises = 0;
    for (let i = 1; i < trail.length; i++) if ((trail[i] as number) > (trail[i - 1] as number)) rises++;
    const isStuck = !state.wasHalved && state.bestAtCheck >= state.best;
    const isHalved = rises <= RISES * interval || isStuck;
    state.wasHalved = isHalved;
    state.bestAtCheck = state.best;
    state.trail = [trail.at(-1) as number];
    if (!isHalved) continue;
    state.step /= 2;
    const range = [row * elems, (row + 1) * elems] as const;
    rows.z.set(rows.best.subarray(...range), range[0]);
    rows.dz.set(rows.dbest.subarray(...range), range[0]);
  }
}
