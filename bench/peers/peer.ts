import { elems } from '../../src/ops/tensor.ts';
import { CHECKED_STEPS, matricesOf, type Case, type StepCase } from './cases.ts';

/** Inputs of a case by name, row-major. */
export type Data = Readonly<Record<string, Float32Array>>;

/** A library made ready for one case. */
export interface Prepared {
  /** Runs the case once and resolves when the device has finished; nothing but a scalar is read back. */
  run(): Promise<void>;
  /** Results of the last run, by name, in the layout of the inputs (see `outputsOf`). */
  outputs(): Promise<Record<string, Float32Array>>;
  dispose(): void;
}

/** A library that can be timed; each runs in a process of its own. */
export interface Peer {
  /** What computes, in words. */
  readonly runsOn: string;
  /** @throws Error where the library cannot do the case; the message becomes the result */
  prepare(c: Case, data: Data): Promise<Prepared>;
}

/** Training steps of a model. */
export interface Steps {
  /** Runs one; its loss when the device has finished. */
  step(): Promise<number>;
  /** The parameters as they are now, by PyTorch's names and in its layouts. */
  weights(): Promise<ReadonlyMap<string, Float32Array>>;
  dispose(): void;
}

/** Steps as a case that is ready: its results are the losses of the first ones, and what those made of the weights. */
export function preparedSteps(c: StepCase, data: Data, steps: Steps): Prepared {
  const losses: number[] = [];
  const run = async (): Promise<void> => {
    const loss = await steps.step();
    if (losses.length < CHECKED_STEPS) losses.push(loss);
  };
  return {
    run,
    async outputs() {
      while (losses.length < CHECKED_STEPS) await run();
      const after = await steps.weights();
      const matrices = matricesOf(c);
      const change = new Float32Array(matrices.reduce((sum, { shape }) => sum + elems(shape), 0));
      let at = 0;
      for (const { name } of matrices) {
        const before = tensor(data, name);
        for (const [i, value] of (after.get(name) ?? []).entries()) change[at++] = value - (before[i] ?? NaN);
      }
      return { losses: Float32Array.from(losses), change };
    },
    dispose: () => {
      steps.dispose();
    },
  };
}

/** `data[name]`, which every case of the op has. */
export function tensor(data: Data, name: string): Float32Array {
  const found = data[name];
  if (found === undefined) throw new Error(`the case has no tensor ${name}`);
  return found;
}

/** Row-major `data` of `shape` with its axes in the order `axes`. */
export function transpose(
  data: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const to = axes.map((axis) => [shape[axis] ?? 1, strides[axis] ?? 1] as const);
  const out = new Float32Array(data.length);
  let at = 0;
  const walk = (axis: number, from: number): void => {
    const [extent, stride] = to[axis] ?? [1, 0];
    for (let i = 0; i < extent; i++, from += stride) {
      if (axis + 1 < to.length) walk(axis + 1, from);
      else out[at++] = data[from] ?? 0;
    }
  };
  walk(0, 0);
  return out;
}
