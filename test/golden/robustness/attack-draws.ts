/** Prints, for `attacks.py`, the model and images of `test/robustness/attacks/smooth.ts` and all that attacks draw at random. */
import { ballAround, randomStart } from '../../../src/robustness/attacks/ball.ts';
import { squareSearch, squareSide } from '../../../src/robustness/attacks/square.ts';
import { Rng } from '../../../src/util/rng.ts';
import { GOLDEN, smoothImages, smoothModel, WEIGHTS } from '../../robustness/attacks/smooth.ts';

const { eps, seed, queries } = GOLDEN;
const { images, ranked } = smoothImages();
const { imageSize } = smoothModel;
const ball = ballAround(images.x, eps, 'linf', smoothModel);
const startOf = (stream: string) =>
  Array.from(randomStart(ball, { seed, stream, numbers: images.numbers }, 'edge'));
const share = 0.8;
const stripes = await squareSearch(smoothModel, images, { eps, seed, queries: 0, share, stream: 'square 0' });
const squares = images.numbers.map((number) =>
  Array.from({ length: queries }, (_, query) => {
    const rng = new Rng(seed, `square 0 query ${query}`, number);
    const room = Math.max(1, imageSize - squareSide(query, share, imageSize));
    const [top, left] = [rng.int(room), rng.int(room)];
    return { top, left, signs: [0, 1, 2].map(() => (rng.chance(0.5) ? 1 : -1)) };
  }),
);
process.stdout.write(
  JSON.stringify({
    ...GOLDEN,
    first: [...WEIGHTS.first],
    second: [...WEIGHTS.second],
    x: [...images.x],
    ranked,
    starts: { ce: startOf('ce'), second: startOf('second'), third: startOf('third') },
    stripes: [...stripes.x],
    squares,
  }),
);
