import { EPS, type Case } from '../cases.ts';
import { attentionKernels, softmaxKernels } from './gpu-js-attention.ts';

/**
 * gpu.js has no layers and no gradients: its users write the kernel of each result as a function of one element, as here. Kernels are
 * text because gpu.js reads the source of what it is given, and loaders for TypeScript change it. `constants` are whole numbers.
 */

export interface Kernel {
  readonly name: string;
  readonly source: string;
  /** Of the result, fastest axis first. */
  readonly output: readonly number[];
  /** Inputs of the case or results before this one. */
  readonly inputs: readonly string[];
}

const correlate = (sign: '+' | '-') => `function (map, weight) {
  const c = this.thread.z;
  let sum = 0;
  for (let ky = 0; ky < this.constants.k; ky++) {
    const y = this.thread.y ${sign} (ky - this.constants.pad);
    if (y >= 0 && y < this.constants.size) {
      for (let kx = 0; kx < this.constants.k; kx++) {
        const x = this.thread.x ${sign} (kx - this.constants.pad);
        if (x >= 0 && x < this.constants.size) {
          sum += map[c][y][x] * weight[c][ky][kx];
        }
      }
    }
  }
  return sum;
}`;

const TAPS = `function (x, dy) {
  const c = this.thread.z;
  const oy = this.thread.y - this.constants.pad;
  const ox = this.thread.x - this.constants.pad;
  let sum = 0;
  for (let i = 0; i < this.constants.size; i++) {
    const y = i + oy;
    if (y >= 0 && y < this.constants.size) {
      for (let j = 0; j < this.constants.size; j++) {
        const column = j + ox;
        if (column >= 0 && column < this.constants.size) {
          sum += dy[c][i][j] * x[c][y][column];
        }
      }
    }
  }
  return sum;
}`;

const SUM = `function (x, weight) { return x[this.thread.y][this.thread.x] + weight[this.thread.y][this.thread.x]; }`;

const product = (a: string, b: string, depth: string) => `function (a, b) {
  let sum = 0;
  for (let l = 0; l < this.constants.${depth}; l++) {
    sum += a[${a}] * b[${b}];
  }
  return sum;
}`;

const ROW = `let mean = 0;
  for (let i = 0; i < this.constants.cols; i++) { mean += x[r][i]; }
  mean = mean / this.constants.cols;
  let variance = 0;
  for (let i = 0; i < this.constants.cols; i++) { variance += (x[r][i] - mean) * (x[r][i] - mean); }
  const rstd = 1 / Math.sqrt(variance / this.constants.cols + ${EPS});`;

const NORM = {
  rstd: `function (x) { const r = this.thread.x; ${ROW} return rstd; }`,
  mean: `function (x) {
  const r = this.thread.x;
  let mean = 0;
  for (let i = 0; i < this.constants.cols; i++) { mean += x[r][i]; }
  return mean / this.constants.cols;
}`,
  y: `function (x, mean, rstd, weight, bias) {
  const r = this.thread.y;
  const c = this.thread.x;
  return (x[r][c] - mean[r]) * rstd[r] * weight[c] + bias[c];
}`,
  sum: `function (dy, weight) {
  const r = this.thread.x;
  let sum = 0;
  for (let i = 0; i < this.constants.cols; i++) { sum += dy[r][i] * weight[i]; }
  return sum / this.constants.cols;
}`,
  dot: `function (dy, weight, x, mean, rstd) {
  const r = this.thread.x;
  let sum = 0;
  for (let i = 0; i < this.constants.cols; i++) { sum += dy[r][i] * weight[i] * (x[r][i] - mean[r]) * rstd[r]; }
  return sum / this.constants.cols;
}`,
  dx: `function (dy, weight, x, mean, rstd, sum, dot) {
  const r = this.thread.y;
  const c = this.thread.x;
  return rstd[r] * (dy[r][c] * weight[c] - sum[r] - (x[r][c] - mean[r]) * rstd[r] * dot[r]);
}`,
  dweight: `function (dy, x, mean, rstd) {
  const c = this.thread.x;
  let sum = 0;
  for (let r = 0; r < this.constants.rows; r++) { sum += dy[r][c] * (x[r][c] - mean[r]) * rstd[r]; }
  return sum;
}`,
  dbias: `function (dy) {
  const c = this.thread.x;
  let sum = 0;
  for (let r = 0; r < this.constants.rows; r++) { sum += dy[r][c]; }
  return sum;
}`,
};

export type OpCase = Exclude<Case, { op: 'step' }>;

export function kernelsOf(c: OpCase): Kernel[] {
  switch (c.op) {
    case 'add':
      return [{ name: 'y', source: SUM, output: [c.cols, c.rows], inputs: ['x', 'weight'] }];
    case 'depthwise': {
      const map = [c.size, c.size, c.channels];
      return [
        { name: 'y', source: correlate('+'), output: map, inputs: ['x', 'weight'] },
        { name: 'dx', source: correlate('-'), output: map, inputs: ['dy', 'weight'] },
        { name: 'dweight', source: TAPS, output: [c.kernel, c.kernel, c.channels], inputs: ['x', 'dy'] },
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'linear': {
      const [i, j] = ['this.thread.y', 'this.thread.x'];
      return [
        {
          name: 'y',
          source: product(`${i}][l`, `${j}][l`, 'from'),
          output: [c.to, c.rows],
          inputs: ['x', 'weight'],
        },
        {
          name: 'dx',
          source: product(`${i}][l`, `l][${j}`, 'to'),
          output: [c.from, c.rows],
          inputs: ['dy', 'weight'],
        },
        {
          name: 'dweight',
          source: product(`l][${i}`, `l][${j}`, 'rows'),
          output: [c.from, c.to],
          inputs: ['dy', 'x'],
        },
      ].slice(0, c.gradients ? 3 : 1);
    }
    case 'softmax':
      return softmaxKernels(c);
    case 'attention':
      return attentionKernels(c);
    case 'layer-norm': {
      const [rows, cols, whole] = [[c.rows], [c.cols], [c.cols, c.rows]];
      return [
        { name: 'mean', source: NORM.mean, output: rows, inputs: ['x'] },
        { name: 'rstd', source: NORM.rstd, output: rows, inputs: ['x'] },
        { name: 'y', source: NORM.y, output: whole, inputs: ['x', 'mean', 'rstd', 'weight', 'bias'] },
        { name: 'sum', source: NORM.sum, output: rows, inputs: ['dy', 'weight'] },
        { name: 'dot', source: NORM.dot, output: rows, inputs: ['dy', 'weight', 'x', 'mean', 'rstd'] },
        {
          name: 'dx',
          source: NORM.dx,
          output: whole,
          inputs: ['dy', 'weight', 'x', 'mean', 'rstd', 'sum', 'dot'],
        },
        { name: 'dweight', source: NORM.dweight, output: cols, inputs: ['dy', 'x', 'mean', 'rstd'] },
        { name: 'dbias', source: NORM.dbias, output: cols, inputs: ['dy'] },
      ].slice(0, c.gradients ? 8 : 3);
    }
  }
}

/** Fastest axis first. */
export function shapesOf(c: OpCase): Readonly<Record<string, number[]>> {
  switch (c.op) {
    case 'add':
      return { x: [c.cols, c.rows], weight: [c.cols, c.rows] };
    case 'depthwise': {
      const map = [c.size, c.size, c.channels];
      return { x: map, dy: map, weight: [c.kernel, c.kernel, c.channels] };
    }
    case 'linear':
      return { x: [c.from, c.rows], dy: [c.to, c.rows], weight: [c.from, c.to] };
    case 'softmax':
      return { x: [c.cols, c.rows], dy: [c.cols, c.rows] };
    case 'attention':
      return { x: [3 * c.heads * c.size, c.tokens], dy: [c.heads * c.size, c.tokens] };
    case 'layer-norm':
      return { x: [c.cols, c.rows], dy: [c.cols, c.rows], weight: [c.cols], bias: [c.cols] };
  }
}

export function constantsOf(c: OpCase): Readonly<Record<string, number>> {
  switch (c.op) {
    case 'add':
      return {};
    case 'depthwise':
      return { size: c.size, k: c.kernel, pad: c.kernel >> 1 };
    case 'linear':
      return { rows: c.rows, from: c.from, to: c.to };
    case 'attention':
      return { tokens: c.tokens, size: c.size, width: c.heads * c.size };
    case 'softmax':
    case 'layer-norm':
      return { rows: c.rows, cols: c.cols };
  }
}

/** A result as gpu.js nests it, in one array. */
export function flatten(nested: ArrayLike<unknown>): Float32Array {
  if (nested instanceof Float32Array) return nested;
  const parts = Array.from(nested, (part) => flatten(part as ArrayLike<unknown>));
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
