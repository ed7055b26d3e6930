import type { Image } from '../../src/data/image/image.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { pixelsOf } from './codec.ts';

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d');
  if (context === null) throw new FrameworkError('web/canvas', 'This browser draws on no canvas.');
  return context;
}

/** An image as large as the canvas. */
export function draw(canvas: HTMLCanvasElement, image: Image): void {
  contextOf(canvas).putImageData(pixelsOf(image), 0, 0);
}

/** Orders of magnitude below the largest contribution that can be seen. */
const DEPTH = 3;

/** Lays contributions (side · side) over the picture: the more an area contributes, the more of the picture shows. */
export function drawField(canvas: HTMLCanvasElement, map: Float64Array): void {
  const context = contextOf(canvas);
  const { width: side } = canvas;
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  const pixels = context.getImageData(0, 0, side, side);
  for (const [i, value] of map.entries()) {
    const share = most > 0 && value > 0 ? Math.max(0, 1 + Math.log10(value / most) / DEPTH) : 0;
    for (let c = 0; c < 3; c++) {
      const tint = [255, 176, 0][c] as number;
      const seen = pixels.data[4 * i + c] as number;
      pixels.data[4 * i + c] = 0.25 * seen * (1 - share) + share * (0.35 * seen + 0.65 * tint);
    }
  }
  context.putImageData(pixels, 0, 0);
}
