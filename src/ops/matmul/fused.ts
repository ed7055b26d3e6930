import { columnSumReference } from '../column-sum/reference.ts';
import { geluGradientReference, geluReference } from '../gelu/reference.ts';
import { normalizeReference } from '../layer-norm/reference.ts';
import { isInQuads, layerNormShape, layoutOf } from '../layer-norm/shape.ts';
import { type AnyName, type Cost, type Named, type Op, memoryCost } from '../op.ts';
import { residualSize } from '../scale-residual/op.ts';
import { scaleResidualReference } from '../scale-residual/reference.ts';
import { type TensorSpec, expectShape, f32, like, shapeError, showShape } from '../tensor.ts';
import { type MatmulAttrs, matmul, matmulShape } from './op.ts';
import { matmulReference } from './reference.ts';

/**
 * Matmuls fused with their neighbours: normalised operands and epilogues. Models do not record these. src/graph/fusion.ts substitutes them
 * for a matmul and its neighbours after differentiation, so they need no gradient of their own.
 *
 * Each takes the operands of matmul (a, b, bias). With `normal` it also takes what LayerNorm normalises by (statistics, norm_weight,
 * norm_bias); the normalised operand then holds maps (n, c, h, w), read as rows (n·h·w, c).
 */
export interface FusedMatmulAttrs extends MatmulAttrs {
  /** The operand that is normalised as it is read. Its channels and the size of its maps must be multiples of four. */
  readonly normal?: 'a' | 'b';
}

export type NormalInput = 'a' | 'b' | 'bias?' | 'statistics?' | 'norm_weight?' | 'norm_bias?';

const NORMAL_INPUTS = ['a', 'b', 'bias?', 'statistics?', 'norm_weight?', 'norm_bias?'] as const;

type NormalSpecs = Named<TensorSpec, NormalInput>;

/** The operands of the matmul inside: maps become rows. */
export function matmulSpecs(
  op: string,
  { a, b, bias, statistics, norm_weight, norm_bias }: NormalSpecs,
  { normal, transposeA, transposeB }: FusedMatmulAttrs,
): { a: TensorSpec; b: TensorSpec; bias: TensorSpec | undefined } {
  if (normal === undefined) return { a, b, bias };
  const maps = normal === 'a' ? a : b;
  const [n = 0, c = 0, h = 0, w = 0] = maps.shape;
  const isTransposed = normal === 'a' ? transposeA : transposeB;
  if (!isInQuads(maps.shape) || isTransposed)
    throw shapeError(
      op,
      `${normal} is ${showShape(maps.shape)}${isTransposed ? 'ᵀ' : ''}, expected (n, c, h, w) with c and h·w multiples of four`,
    );
  const vectors = { statistics: 2 * n * h * w, norm_weight: c, norm_bias: c };
  for (const [name, spec] of Object.entries({ statistics, norm_weight, norm_bias })) {
    if (spec === undefined) throw shapeError(op, `needs ${name} to normalise ${normal}`);
    expectShape(op, name, spec, [vectors[name as keyof typeof vectors]]);
  }
  const rows = like(maps, n * h * w, c);
  return normal === 'a' ? { a: rows, b, bias } : { a, b: rows, bias };
}

/** The shape of the matmul with its bias, before the epilogue. */
function valueSpec(op: string, inputs: NormalSpecs, attrs: FusedMatmulAttrs): TensorSpec {
  return matmul.infer(matmulSpecs(op, inputs, attrs), attrs).y;
}

function valueReference(
  op: string,
  data: Named<Float64Array, NormalInput>,
  specs: NormalSpecs,
  attrs: FusedMatmulAttrs,
): Float64Array {
  const shape = matmulShape(matmulSpecs(op, specs, attrs), attrs);
  const operand = (name: 'a' | 'b') => (attrs.normal === name ? rowsOf(data, specs, name) : data[name]);
  return matmulReference(operand('a'), operand('b'), data.bias, shape, attrs);
}

/** LayerNorm of an operand that holds maps, as rows. */
function rowsOf(
  data: Named<Float64Array, NormalInput>,
  specs: NormalSpecs,
  operand: 'a' | 'b',
): Float64Array {
  const shape = layerNormShape('matmul', specs[operand], {}, { eps: 0, from: 'nchw', to: 'rows' });
  const { statistics, norm_weight: weight, norm_bias: bias } = data;
  if (statistics === undefined || weight === undefined || bias === undefined)
    throw shapeError('matmul', 'takes statistics, norm_weight and norm_bias together');
  const [maps, rows] = [layoutOf('nchw', shape), layoutOf('rows', shape)];
  return normalizeReference({ x: data[operand], statistics, weight, bias }, shape, maps, rows);
}

function costOf(
  op: string,
): (inputs: NormalSpecs, outputs: Named<TensorSpec, AnyName>, attrs: FusedMatmulAttrs) => Cost {
  return (inputs, outputs, attrs) => {
    const operands = matmulSpecs(op, inputs, attrs);
    const { macs, liveMacs } = matmul.cost(operands, matmul.infer(operands, attrs), attrs);
    return { macs, liveMacs, bytes: memoryCost({ ...inputs }, outputs).bytes };
  };
}

const FORWARD = { transposeA: false, transposeB: true, bias: 'cols' } as const;
const GRAD_WEIGHT = { transposeA: true, transposeB: false, bias: 'none' } as const;

/** Maps of 2×20×6×6 and the tensors that normalise them. */
const MAPS = f32(2, 20, 6, 6);
const NORM = { statistics: f32(144), norm_weight: f32(20), norm_bias: f32(20) };

/** y = A B + bias with one operand normalised as it is read: a linear layer after LayerNorm, or the gradient of its weight. */
export const matmulNorm: Op<FusedMatmulAttrs, NormalInput, 'y'> = {
  name: 'matmul-norm',
  inputs: NORMAL_INPUTS,
  outputs: ['y'],
  examples: [
    { inputs: { a: MAPS, b: f32(45, 20), bias: f32(45), ...NORM }, attrs: { ...FORWARD, normal: 'a' } },
    { inputs: { a: f32(72, 19), b: MAPS, ...NORM }, attrs: { ...GRAD_WEIGHT, normal: 'b' } },
  ],
  infer: (inputs, attrs) => ({ y: valueSpec('matmul-norm', inputs, attrs) }),
  cost: costOf('matmul-norm'),
  accumulates: ['y'],
  reference: (inputs, specs, attrs) => ({ y: valueReference('matmul-norm', inputs, specs, attrs) }),
};

/** Gradients of a linear layer's weight and bias: y = aᵀ B and sums = Σ of the rows of a, where a is dy. */
export const matmulGradWeight: Op<FusedMatmulAttrs, NormalInput, 'y' | 'sums'> = {
  name: 'matmul-grad-weight',
  inputs: NORMAL_INPUTS,
  outputs: ['y', 'sums'],
  examples: [
    { inputs: { a: f32(517, 36), b: f32(517, 20) }, attrs: GRAD_WEIGHT },
    { inputs: { a: f32(72, 19), b: MAPS, ...NORM }, attrs: { ...GRAD_WEIGHT, normal: 'b' } },
  ],
  infer(inputs, attrs) {
    if (!attrs.transposeA || attrs.bias !== 'none')
      throw shapeError('matmul-grad-weight', 'takes dy as a, transposed, and no bias');
    const y = valueSpec('matmul-grad-weight', inputs, attrs);
    return { y, sums: f32(y.shape[0] ?? 0) };
  },
  cost: costOf('matmul-grad-weight'),
  accumulates: ['y', 'sums'],
  reference: (inputs, specs, attrs) => ({
    y: valueReference('matmul-grad-weight', inputs, specs, attrs),
    sums: columnSumReference(inputs.a, specs.a.shape.at(-1) ?? 0),
  }),
};

export interface KeepAttrs extends FusedMatmulAttrs {
  /** Also return the matmul's own result, for a gradient that reads it. */
  readonly keep: boolean;
}

/** y = gelu(A B + bias), and with `keep` the matmul's own result. */
export const matmulGelu: Op<KeepAttrs, NormalInput, 'y' | 'kept?'> = {
  name: 'matmul-gelu',
  inputs: NORMAL_INPUTS,
  outputs: ['y', 'kept?'],
  examples: [
    { inputs: { a: f32(37, 20), b: f32(44, 20), bias: f32(44) }, attrs: { ...FORWARD, keep: true } },
    { inputs: { a: f32(37, 19), b: f32(45, 19), bias: f32(45) }, attrs: { ...FORWARD, keep: false } },
    {
      inputs: { a: MAPS, b: f32(44, 20), bias: f32(44), ...NORM },
      attrs: { ...FORWARD, normal: 'a', keep: true },
    },
  ],
  infer(inputs, attrs) {
    const value = valueSpec('matmul-gelu', inputs, attrs);
    return { y: value, kept: attrs.keep ? value : undefined };
  },
  cost: costOf('matmul-gelu'),
  reference(inputs, specs, attrs) {
    const value = valueReference('matmul-gelu', inputs, specs, attrs);
    return { y: geluReference(value), kept: attrs.keep ? value : undefined };
  },
};

/** y = (A B + bias) gelu'(h): the epilogue multiplies by the derivative of gelu at h. */
export const matmulGeluGradient: Op<FusedMatmulAttrs, NormalInput | 'h', 'y'> = {
  name: 'matmul-gelu-gradient',
  inputs: [...NORMAL_INPUTS, 'h'],
  outputs: ['y'],
  examples: [
    {
      inputs: { a: f32(37, 20), b: f32(20, 44), h: f32(37, 44) },
      attrs: { transposeA: false, transposeB: false, bias: 'none' },
    },
  ],
  infer({ h, ...inputs }, attrs) {
    const y = valueSpec('matmul-gelu-gradient', inputs, attrs);
    expectShape('matmul-gelu-gradient', 'h', h, y.shape);
    return { y };
  },
  cost: costOf('matmul-gelu-gradient'),
  reference: (inputs, specs, attrs) => ({
    y: geluGradientReference(inputs.h, valueReference('matmul-gelu-gradient', inputs, specs, attrs)),
  }),
};

/**
 * y = addend + mask[n] gamma[c] (A B + bias): the last linear layer of a residual branch, layer scale, drop path and the sum, back in maps.
 * addend and y (n, c, h, w), gamma (c), mask (n). With `keep`, the matmul's own result as rows too.
 */
export const matmulResidual: Op<KeepAttrs, NormalInput | 'addend' | 'gamma?' | 'mask?', 'y' | 'kept?'> = {
  name: 'matmul-residual',
  inputs: [...NORMAL_INPUTS, 'addend', 'gamma?', 'mask?'],
  outputs: ['y', 'kept?'],
  examples: [
    {
      inputs: {
        a: f32(72, 20),
        b: f32(44, 20),
        bias: f32(44),
        addend: f32(2, 44, 6, 6),
        gamma: f32(44),
        mask: f32(2),
      },
      attrs: { ...FORWARD, keep: true },
    },
    {
      inputs: { a: f32(30, 19), b: f32(37, 19), bias: f32(37), addend: f32(2, 37, 3, 5), gamma: f32(37) },
      attrs: { ...FORWARD, keep: true },
    },
    {
      inputs: { a: f32(30, 19), b: f32(37, 19), bias: f32(37), addend: f32(2, 37, 3, 5) },
      attrs: { ...FORWARD, keep: false },
    },
  ],
  infer({ addend, gamma, mask, ...inputs }, attrs) {
    const value = valueSpec('matmul-residual', inputs, attrs);
    residualSize('matmul-residual', addend, { branch: value, gamma, mask }, { from: 'rows' });
    return { y: like(addend, ...addend.shape), kept: attrs.keep ? value : undefined };
  },
  cost: costOf('matmul-residual'),
  reference({ addend, gamma, mask, ...inputs }, specs, attrs) {
    const value = valueReference('matmul-residual', inputs, specs, attrs);
    const size = residualSize('matmul-residual', specs.addend, {}, { from: 'rows' });
    const y = scaleResidualReference(size, addend, value, { gamma, mask });
    return { y, kept: attrs.keep ? value : undefined };
  },
};
