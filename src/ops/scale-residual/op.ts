import { defined } from '../../util/errors.ts';
import { type Op, memoryCost } from '../op.ts';
import { type TensorSpec, elems, f32, like, shapeError, showShape } from '../tensor.ts';
import { type ResidualSize, eachResidual } from './reference.ts';

export interface ScaleResidualAttrs {
  /** Layout of the branch: rows (n·h·w, c) or maps. */
  readonly from: 'rows' | 'nchw';
  /** A layer scale gamma (c) is an input. */
  readonly gamma: boolean;
  /** A drop-path mask (n) of 0 and 1/(1 − p) is an input. */
  readonly mask: boolean;
}

export function residualSize(
  name: string,
  maps: TensorSpec | undefined,
  branch: TensorSpec | undefined,
  [gamma, mask]: readonly (TensorSpec | undefined)[],
  { from }: ScaleResidualAttrs,
): ResidualSize {
  const shape = maps?.shape ?? [];
  const [n = 0, c = 0] = shape;
  if (shape.length !== 4) throw shapeError(name, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  const plane = elems(shape) / (n * c);
  const expected = from === 'rows' ? [n * plane, c] : shape;
  if (branch !== undefined && showShape(branch.shape) !== showShape(expected))
    throw shapeError(name, `branch is ${showShape(branch.shape)}, expected ${showShape(expected)}`);
  if (gamma !== undefined && showShape(gamma.shape) !== showShape([c]))
    throw shapeError(name, `gamma is ${showShape(gamma.shape)}, expected (${c})`);
  if (mask !== undefined && showShape(mask.shape) !== showShape([n]))
    throw shapeError(name, `mask is ${showShape(mask.shape)}, expected (${n})`);
  return { n, c, plane, rows: from === 'rows' };
}

/** Splits an op's inputs into `lead` tensors, gamma and mask. */
export function split<T>(
  name: string,
  inputs: readonly T[],
  lead: number,
  { gamma, mask }: ScaleResidualAttrs,
): { lead: readonly T[]; gamma: T | undefined; mask: T | undefined } {
  const expected = lead + Number(gamma) + Number(mask);
  if (inputs.length !== expected)
    throw shapeError(
      name,
      `takes ${expected} inputs with gamma ${gamma} and mask ${mask}, got ${inputs.length}`,
    );
  return {
    lead: inputs.slice(0, lead),
    gamma: gamma ? inputs[lead] : undefined,
    mask: mask ? inputs[lead + Number(gamma)] : undefined,
  };
}

const maps = f32(3, 37, 5, 7);
const rows = f32(105, 37);

/**
 * y = x + mask[n] gamma[c] branch: layer scale, drop path and residual connection, and the way back from rows to maps.
 * Inputs: x (n, c, h, w), branch, gamma (c) and mask (n) as the attributes say. Output: (n, c, h, w).
 */
export const scaleResidual: Op<ScaleResidualAttrs> = {
  name: 'scale-residual',
  examples: [
    { inputs: [maps, rows, f32(37), f32(3)], attrs: { from: 'rows', gamma: true, mask: true } },
    { inputs: [maps, maps, f32(37), f32(3)], attrs: { from: 'nchw', gamma: true, mask: true } },
  ],
  infer(inputs, attrs) {
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    residualSize('scale-residual', lead[0], lead[1], [gamma, mask], attrs);
    return [like(lead[0], ...(lead[0]?.shape ?? []))];
  },
  cost: memoryCost,
  reference(inputs, specs, attrs) {
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    const [x, branch] = lead as [Float64Array, Float64Array];
    const y = new Float64Array(x.length);
    const size = residualSize('scale-residual', specs[0], specs[1], [], attrs);
    eachResidual(size, gamma, mask, (at, branchAt, factor) => {
      y[at] = (x[at] as number) + factor * (branch[branchAt] as number);
    });
    return [y];
  },
  gradient(graph, { inputs, attrs }, [dy], needs) {
    if (dy === undefined) return [];
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    const rest = [gamma, mask].filter((tensor) => tensor !== undefined);
    const wanted = needs[1] === true || (attrs.gamma && needs[2] === true);
    const branch = attrs.gamma ? [defined(lead[1], 'branch')] : [];
    const plain = !attrs.gamma && !attrs.mask && attrs.from === 'nchw';
    const [dbranch, dgamma] = !wanted
      ? []
      : plain
        ? [dy]
        : graph.apply(scaleResidualGradient, [...branch, dy, ...rest], attrs);
    return [dy, dbranch, ...(attrs.gamma ? [dgamma] : [])];
  },
};

/**
 * Gradients of the branch and of gamma. Inputs: branch (only with gamma), dy (n, c, h, w), gamma (c), mask (n).
 * Outputs: dbranch in the branch's layout, dgamma (c) with gamma.
 */
export const scaleResidualGradient: Op<ScaleResidualAttrs> = {
  name: 'scale-residual-gradient',
  examples: [
    { inputs: [rows, maps, f32(37), f32(3)], attrs: { from: 'rows', gamma: true, mask: true } },
    { inputs: [maps, maps, f32(37), f32(3)], attrs: { from: 'nchw', gamma: true, mask: true } },
    { inputs: [maps, f32(3)], attrs: { from: 'rows', gamma: false, mask: true } },
  ],
  infer(inputs, attrs) {
    const { dy, branch, gamma, mask } = gradientInputs(inputs, attrs);
    const { n, c, plane } = residualSize('scale-residual-gradient', dy, branch, [gamma, mask], attrs);
    const dbranch = attrs.from === 'rows' ? like(dy, n * plane, c) : like(dy, ...(dy?.shape ?? []));
    return attrs.gamma ? [dbranch, f32(c)] : [dbranch];
  },
  cost: memoryCost,
  accumulates: [1],
  reference(inputs, specs, attrs) {
    const { dy, branch, gamma, mask } = gradientInputs(inputs, attrs);
    const size = residualSize(
      'scale-residual-gradient',
      gradientInputs(specs, attrs).dy,
      undefined,
      [],
      attrs,
    );
    const gradient = dy as Float64Array;
    const dbranch = new Float64Array(gradient.length);
    const dgamma = new Float64Array(size.c);
    eachResidual(size, gamma, mask, (at, branchAt, factor, kept, channel) => {
      const d = gradient[at] as number;
      dbranch[branchAt] = factor * d;
      dgamma[channel] = (dgamma[channel] as number) + kept * d * (branch?.[branchAt] ?? 0);
    });
    return attrs.gamma ? [dbranch, dgamma] : [dbranch];
  },
};

export interface GradientInputs<T> {
  readonly branch: T | undefined;
  readonly dy: T | undefined;
  readonly gamma: T | undefined;
  readonly mask: T | undefined;
}

export function gradientInputs<T>(inputs: readonly T[], attrs: ScaleResidualAttrs): GradientInputs<T> {
  const { lead, gamma, mask } = split('scale-residual-gradient', inputs, attrs.gamma ? 2 : 1, attrs);
  const [branch, dy] = attrs.gamma ? lead : [undefined, lead[0]];
  return { branch, dy, gamma, mask };
}
