import { SMALL_EPSILONS } from './apgd-ce.ts';
import { field, integer, number } from '../../schema/fields.ts';
import { Rng } from '../../util/rng.ts';
import { defineAttack, type AttackedImages, type AttackedModel } from './attack.ts';
import { ballAround, gather, type Ball } from './ball.ts';
import { margin } from './objectives.ts';
import { onStanding, type Attempt } from './standing.ts';

/** Queries after which the share of changed pixels is halved, of the 10,000 of the paper. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000] as const;

export interface SquareSearch {
  readonly eps: number;
  readonly seed: number;
  readonly queries: number;
  /** Share of the pixels that the first squares change. */
  readonly share: number;
  readonly stream: string;
}

/** Square attack (Andriushchenko et al. 2020), l∞: random squares of ±ε, kept where the margin falls. It sees logits alone, no gradient. */
export const square = defineAttack({
  id: 'square',
  name: 'Square',
  description:
    'random squares of ±ε, kept where they lower the margin; no gradients (Andriushchenko et al. 2020)',
  settings: {
    queries: field(integer({ min: 1, max: 1_000_000 }), 5000, 'Images through the model for each image.'),
    share: field(
      number({ min: 0, max: 1, open: 'min' }),
      0.8,
      'Share of the pixels that the first squares change.',
    ),
    restarts: field(
      integer({ min: 1, max: 1000 }),
      1,
      'Times that it begins anew with images that still stand.',
    ),
  },
  epsilons: SMALL_EPSILONS,
  draws: 'always',
  onlyCorrect: true,
  canTarget: false,
  passes: ({ queries, restarts }) => (queries + 1) * restarts,
  run: (model, images, { eps, seed }, { queries, share, restarts }) =>
    onStanding(
      model,
      images,
      Array.from({ length: restarts }, (_, restart) => (some) => {
        const search = { eps, seed, queries, share, stream: `square ${restart}` };
        return squareSearch(model, some, search);
      }),
    ),
});

/** Side of the squares in a query. */
export function squareSide(query: number, share: number, imageSize: number): number {
  const halvings = HALVINGS.filter((after) => query > after).length;
  return Math.max(1, Math.round(Math.sqrt((share / 2 ** halvings) * imageSize ** 2)));
}

export async function squareSearch(
  model: AttackedModel,
  images: AttackedImages,
  { eps, seed, queries, share, stream }: SquareSearch,
): Promise<Attempt> {
  const { elems, classes, imageSize } = model;
  const ball = ballAround(images.x, eps, 'linf', model);
  const best = stripes(ball, images, { seed, stream, eps, imageSize });
  const marginsOf = async (x: Float32Array, list: readonly number[]) => {
    const logits = await model.logits(x);
    return list.map((image, i) =>
      margin(logits.subarray(i * classes, (i + 1) * classes), images.labels[image] as number),
    );
  };
  const margins = await marginsOf(best, [...images.labels.keys()]);
  for (let query = 0; query < queries; query++) {
    const open = [...margins.keys()].filter((image) => (margins[image] as number) > 0);
    if (open.length === 0) break;
    const side = squareSide(query, share, imageSize);
    const tried = gather(best, open, elems);
    for (const [row, image] of open.entries()) {
      const rng = new Rng(seed, `${stream} query ${query}`, images.numbers[image]);
      paint(tried, row * elems, ball, image * elems, { rng, eps, imageSize, side });
    }
    for (const [row, value] of (await marginsOf(tried, open)).entries()) {
      const image = open[row] as number;
      if (value >= (margins[image] as number)) continue;
      margins[image] = value;
      best.set(tried.subarray(row * elems, (row + 1) * elems), image * elems);
    }
  }
  // A margin of zero is a tie, which the arg-max may still give to the label.
  return { x: best, fooled: Uint8Array.from(margins, (value) => (value > 0 ? 0 : 1)) };
}

/** The first guess: vertical stripes of ±ε in each channel. */
function stripes(
  ball: Ball,
  { numbers }: AttackedImages,
  { seed, stream, eps, imageSize }: { seed: number; stream: string; eps: number; imageSize: number },
): Float32Array {
  const out = ball.x.slice();
  for (const [image, number] of numbers.entries()) {
    const rng = new Rng(seed, `${stream} stripes`, number);
    const signs = Array.from({ length: 3 * imageSize }, () => (rng.chance(0.5) ? eps : -eps));
    for (let i = 0, at = image * ball.elems; i < ball.elems; i++, at++)
      add(out, at, ball, at, signs[Math.floor(i / imageSize ** 2) * imageSize + (i % imageSize)] as number);
  }
  return out;
}

interface Brush {
  readonly rng: Rng;
  readonly eps: number;
  readonly imageSize: number;
  readonly side: number;
}

/** Adds ±2ε to a square of the image that begins at `at`; the ball is that of the image that begins at `of`. */
function paint(
  x: Float32Array,
  at: number,
  ball: Ball,
  of: number,
  { rng, eps, imageSize, side }: Brush,
): void {
  // The last place is left out, as in the authors' code.
  const room = Math.max(1, imageSize - side);
  const [top, left] = [rng.int(room), rng.int(room)];
  for (let c = 0; c < 3; c++) {
    const change = rng.chance(0.5) ? 2 * eps : -2 * eps;
    for (let row = top; row < Math.min(imageSize, top + side); row++)
      for (let column = left; column < Math.min(imageSize, left + side); column++) {
        const i = (c * imageSize + row) * imageSize + column;
        add(x, at + i, ball, of + i, change);
      }
  }
}

function add(x: Float32Array, at: number, { lower, upper }: Ball, of: number, change: number): void {
  x[at] = Math.min(upper[of] as number, Math.max(lower[of] as number, (x[at] as number) + change));
}
