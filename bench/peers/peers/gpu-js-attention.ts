import type { AttentionCase, SoftmaxCase } from '../cases.ts';
import type { Kernel } from './gpu-js-kernels.ts';

/** Softmax and attention in gpu.js; see gpu-js-kernels.ts. */

const SOFTMAX = {
  largest: `function (x) {
  const r = this.thread.x;
  let largest = x[r][0];
  for (let i = 1; i < this.constants.cols; i++) { largest = Math.max(largest, x[r][i]); }
  return largest;
}`,
  mass: `function (x, largest) {
  const r = this.thread.x;
  let sum = 0;
  for (let i = 0; i < this.constants.cols; i++) { sum += Math.exp(x[r][i] - largest[r]); }
  return sum;
}`,
  y: `function (x, largest, mass) {
  const r = this.thread.y;
  return Math.exp(x[r][this.thread.x] - largest[r]) / mass[r];
}`,
  dot: `function (y, dy) {
  const r = this.thread.x;
  let sum = 0;
  for (let i = 0; i < this.constants.cols; i++) { sum += y[r][i] * dy[r][i]; }
  return sum;
}`,
  dx: `function (y, dy, dot) {
  const r = this.thread.y;
  const c = this.thread.x;
  return y[r][c] * (dy[r][c] - dot[r]);
}`,
};

// Of packed rows qkv [q | k | v][head][size]; maps are [head][query][key].
const ATTENTION = {
  score: `function (qkv) {
  const h = this.thread.z * this.constants.size;
  let sum = 0;
  for (let i = 0; i < this.constants.size; i++) {
    sum += qkv[this.thread.y][h + i] * qkv[this.thread.x][this.constants.width + h + i];
  }
  return sum / Math.sqrt(this.constants.size);
}`,
  largest: `function (score) {
  let largest = score[this.thread.y][this.thread.x][0];
  for (let i = 1; i < this.constants.tokens; i++) { largest = Math.max(largest, score[this.thread.y][this.thread.x][i]); }
  return largest;
}`,
  mass: `function (score, largest) {
  let sum = 0;
  for (let i = 0; i < this.constants.tokens; i++) {
    sum += Math.exp(score[this.thread.y][this.thread.x][i] - largest[this.thread.y][this.thread.x]);
  }
  return sum;
}`,
  p: `function (score, largest, mass) {
  const value = score[this.thread.z][this.thread.y][this.thread.x] - largest[this.thread.z][this.thread.y];
  return Math.exp(value) / mass[this.thread.z][this.thread.y];
}`,
  y: `function (p, qkv) {
  const h = Math.floor(this.thread.x / this.constants.size);
  let sum = 0;
  for (let i = 0; i < this.constants.tokens; i++) {
    sum += p[h][this.thread.y][i] * qkv[i][2 * this.constants.width + this.thread.x];
  }
  return sum;
}`,
  dot: `function (y, dy) {
  const h = this.thread.y * this.constants.size;
  let sum = 0;
  for (let i = 0; i < this.constants.size; i++) { sum += y[this.thread.x][h + i] * dy[this.thread.x][h + i]; }
  return sum;
}`,
  ds: `function (p, dy, qkv, dot) {
  const h = this.thread.z * this.constants.size;
  let sum = 0;
  for (let i = 0; i < this.constants.size; i++) {
    sum += dy[this.thread.y][h + i] * qkv[this.thread.x][2 * this.constants.width + h + i];
  }
  const value = p[this.thread.z][this.thread.y][this.thread.x] * (sum - dot[this.thread.z][this.thread.y]);
  return value / Math.sqrt(this.constants.size);
}`,
  dx: `function (qkv, p, ds, dy) {
  const part = Math.floor(this.thread.x / this.constants.width);
  const c = this.thread.x - part * this.constants.width;
  const h = Math.floor(c / this.constants.size);
  const t = this.thread.y;
  let sum = 0;
  for (let i = 0; i < this.constants.tokens; i++) {
    if (part < 1) {
      sum += ds[h][t][i] * qkv[i][this.constants.width + c];
    } else if (part < 2) {
      sum += ds[h][i][t] * qkv[i][c];
    } else {
      sum += p[h][i][t] * dy[i][c];
    }
  }
  return sum;
}`,
};

export function softmaxKernels({ rows, cols, gradients }: SoftmaxCase): Kernel[] {
  const whole = [cols, rows];
  return [
    { name: 'largest', source: SOFTMAX.largest, output: [rows], inputs: ['x'] },
    { name: 'mass', source: SOFTMAX.mass, output: [rows], inputs: ['x', 'largest'] },
    { name: 'y', source: SOFTMAX.y, output: whole, inputs: ['x', 'largest', 'mass'] },
    { name: 'dot', source: SOFTMAX.dot, output: [rows], inputs: ['y', 'dy'] },
    { name: 'dx', source: SOFTMAX.dx, output: whole, inputs: ['y', 'dy', 'dot'] },
  ].slice(0, gradients ? 5 : 3);
}

export function attentionKernels({ tokens, heads, size, gradients }: AttentionCase): Kernel[] {
  const [map, row] = [
    [tokens, tokens, heads],
    [tokens, heads],
  ];
  const width = heads * size;
  return [
    { name: 'score', source: ATTENTION.score, output: map, inputs: ['x'] },
    { name: 'largest', source: ATTENTION.largest, output: row, inputs: ['score'] },
    { name: 'mass', source: ATTENTION.mass, output: row, inputs: ['score', 'largest'] },
    { name: 'p', source: ATTENTION.p, output: map, inputs: ['score', 'largest', 'mass'] },
    { name: 'y', source: ATTENTION.y, output: [width, tokens], inputs: ['p', 'x'] },
    { name: 'dot', source: ATTENTION.dot, output: row, inputs: ['y', 'dy'] },
    { name: 'ds', source: ATTENTION.ds, output: map, inputs: ['p', 'dy', 'x', 'dot'] },
    { name: 'dx', source: ATTENTION.dx, output: [3 * width, tokens], inputs: ['x', 'p', 'ds', 'dy'] },
  ].slice(0, gradients ? 8 : 5);
}
