import type { Image } from '../../src/data/image/image.ts';
import { element } from './dom.ts';

/** What is painted over the image: those pixels get the mean colour, which normalisation brings to about zero. */
export class Cover {
  private readonly side: number;
  private readonly colour: readonly number[];
  private readonly mask: Uint8Array;
  private readonly onChange: () => void;

  constructor(canvas: HTMLCanvasElement, side: number, mean: readonly number[], onChange: () => void) {
    this.side = side;
    this.colour = mean.map((value) => Math.round(255 * value));
    this.mask = new Uint8Array(side * side);
    this.onChange = onChange;
    const brush = element('brush', HTMLInputElement);
    const paint = (event: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * side;
      const y = ((event.clientY - box.top) / box.height) * side;
      this.paint(x, y, (Number(brush.value) / 200) * side);
    };
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      paint(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (event.buttons > 0) paint(event);
    });
  }

  /** Covers a disc. */
  paint(x: number, y: number, radius: number): void {
    const { side, mask } = this;
    for (let row = 0; row < side; row++)
      for (let column = 0; column < side; column++)
        if ((column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= radius ** 2) mask[row * side + column] = 1;
    this.onChange();
  }

  clear(): void {
    this.mask.fill(0);
    this.onChange();
  }

  /** The image with what is covered. */
  apply(image: Image, changes: string[]): Image {
    const covered = this.mask.reduce((sum, value) => sum + value, 0);
    if (covered === 0) return image;
    changes.push(`${((100 * covered) / this.mask.length).toFixed(1)} % covered`);
    const data = image.data.slice();
    for (const [i, isCovered] of this.mask.entries())
      if (isCovered === 1) for (let c = 0; c < 3; c++) data[3 * i + c] = this.colour[c] as number;
    return { ...image, data };
  }
}
