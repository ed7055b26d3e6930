import type { Image } from '../../../data/image/image.ts';
import { Fft, transform2d } from '../../inputs/fft.ts';
import type { Draws } from '../types.ts';

/**
 * (height, width): noise of random phases whose amplitude depends on the frequency, divided by its standard deviation.
 * Phases are drawn for the left half of the centred spectrum and turned by 180° for the right one; the real part is taken.
 * @param power of the frequency's distance from the centre along both axes
 */
export function spectralNoise(
  { width, height }: Image,
  power: (dy: number, dx: number) => number,
  draws: Draws,
): Float64Array {
  const phases = drawPhases(width, height, draws);
  const [re, im] = [new Float64Array(width * height), new Float64Array(width * height)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const amplitude = power(y - height / 2, x - width / 2);
      const phase = phases[y * width + x] as number;
      const to = ((y + (height >> 1)) % height) * width + ((x + (width >> 1)) % width);
      re[to] = amplitude * Math.cos(phase);
      im[to] = amplitude * Math.sin(phase);
    }
  }
  const [rows, columns] = [new Fft(width), new Fft(height)];
  transform2d(
    [re, im, width, height],
    (a, b) => {
      rows.inverse(a, b);
    },
    (a, b) => {
      columns.inverse(a, b);
    },
  );
  const mean = re.reduce((sum, v) => sum + v, 0) / re.length;
  const deviation = Math.sqrt(re.reduce((sum, v) => sum + (v - mean) ** 2, 0) / re.length);
  return re.map((v) => v / deviation);
}

function drawPhases(width: number, height: number, draws: Draws): Float64Array {
  const phases = new Float64Array(width * height);
  const half = width >> 1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < half; x++) {
      const phase = draws.between(0, 2 * Math.PI);
      phases[y * width + x] = phase;
      phases[(height - 1 - y) * width + width - 1 - x] = phase;
    }
  if (width % 2 === 1)
    for (let y = 0; y < height >> 1; y++) {
      const phase = draws.between(0, 2 * Math.PI);
      phases[y * width + half] = phase;
      phases[(height - 1 - y) * width + half] = phase;
    }
  return phases;
}
