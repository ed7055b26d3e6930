import { defined } from '../../util/errors.ts';
import { columnSum } from '../column-sum/op.ts';
import { geluGradientReference, geluReference } from '../gelu/reference.ts';
import { normalizeReference } from '../layer-norm/reference.ts';
import { isInQuads, layerNormShape, layoutOf } from '../layer-norm/shape.ts';
import { type MatmulAttrs, matmul } from '../matmul/op.ts';
import { type Example, type Op, memoryCost } from '../op.ts';
import { scaleResidual } from '../scale-residual/op.ts';
import { type TensorSpec, f32, like, shapeError, showShape } from '../tensor.ts';

/**
 * Products with what comes before and after them done on the way from and to memory. Models do not record these: src/graph/fusion.ts
 * puts them in the place of a product and its neighbours, once gradients are there; so they have no gradient of their own.
 *
 * Inputs of all: those of matmul (a, b, bias), then with `normal` those that make LayerNorm's y of an operand (statistics,
 * weight, bias), then what the end needs. The normalised operand is maps (n, c, h, w) that stand for rows (n·h·w, c).
 */
export interface FusedMatmulAttrs extends MatmulAttrs {
  /** The operand that is normalised as it is read; four divides its channels and the size of its maps. */
  readonly normal?: 'a' | 'b';
}

interface Parts<T> {
  readonly a: T;
  readonly b: T;
  readonly bias: readonly T[];
  /** The operand that is normalised, and what normalises it. */
  readonly maps: T | undefined;
  readonly normal: readonly T[];
  readonly rest: readonly T[];
}

export function partsOf<T>(inputs: readonly T[], { bias, normal }: FusedMatmulAttrs): Parts<T> {
  const first = bias === 'none' ? 2 : 3;
  const second = first + (normal === undefined ? 0 : 3);
  const [a, b] = [defined(inputs[0], 'a'), defined(inputs[1], 'b')];
  return {
    a,
    b,
    maps: normal && { a, b }[normal],
    bias: inputs.slice(2, first),
    normal: inputs.slice(first, second),
    rest: inputs.slice(second),
  };
}

/** The inputs of the plain product: maps become the rows they stand for. */
export function productSpecs(
  name: string,
  inputs: readonly TensorSpec[],
  attrs: FusedMatmulAttrs,
): TensorSpec[] {
  const { a, b, bias, maps, normal } = partsOf(inputs, attrs);
  if (maps === undefined) return [a, b, ...bias];
  const [n = 0, c = 0, h = 0, w = 0] = maps.shape;
  const expected = [2 * n * h * w, c, c].map((length) => showShape([length]));
  const given = normal.map(({ shape }) => showShape(shape));
  const isTransposed = attrs.normal === 'a' ? attrs.transposeA : attrs.transposeB;
  if (!isInQuads(maps.shape) || isTransposed)
    throw shapeError(
      name,
      `${attrs.normal} is ${showShape(maps.shape)}${isTransposed ? 'ᵀ' : ''}, expected (n, c, h, w) with c and h·w multiples of four`,
    );
  if (given.join() !== expected.join())
    throw shapeError(
      name,
      `statistics, weight and bias are ${given.join(', ')}, expected ${expected.join(', ')}`,
    );
  const rows = like(maps, n * h * w, c);
  return attrs.normal === 'a' ? [rows, b, ...bias] : [a, rows, ...bias];
}

/** What a fused product does with its value, the product and its bias. */
interface End<A> {
  readonly examples: readonly Example<A>[];
  /** Checks what the end needs and returns the outputs' specs. */
  readonly infer: (value: TensorSpec, rest: readonly TensorSpec[], attrs: A) => readonly TensorSpec[];
  /** One more output: the sums of the columns of a, which is transposed. */
  readonly sums?: boolean;
  readonly reference: (
    value: Float64Array,
    rest: readonly Float64Array[],
    specs: { readonly value: TensorSpec; readonly rest: readonly TensorSpec[] },
    attrs: A,
  ) => readonly Float64Array[];
}

function fusedMatmul<A extends FusedMatmulAttrs>(
  name: string,
  { examples, infer, sums, reference }: End<A>,
  accumulates: readonly number[] = [],
): Op<A> {
  const valueSpec = (inputs: readonly TensorSpec[], attrs: A) =>
    defined(matmul.infer(productSpecs(name, inputs, attrs), attrs)[0], 'product');
  return {
    name,
    examples,
    accumulates,
    infer(inputs, attrs) {
      const value = valueSpec(inputs, attrs);
      const outputs = infer(value, partsOf(inputs, attrs).rest, attrs);
      return sums === true ? [...outputs, f32(value.shape[0] ?? 0)] : outputs;
    },
    cost(inputs, outputs, attrs) {
      const product = productSpecs(name, inputs, attrs);
      const { macs, liveMacs } = matmul.cost(product, [valueSpec(inputs, attrs)], attrs);
      return { macs, liveMacs, bytes: memoryCost(inputs, outputs).bytes };
    },
    reference(inputs, specs, attrs) {
      const data = partsOf(inputs, attrs);
      const shapes = partsOf(specs, attrs);
      const rows = data.maps && normalised(data.maps, defined(shapes.maps, 'maps'), data.normal);
      const [a, b] = attrs.normal === 'b' ? [data.a, rows ?? data.b] : [rows ?? data.a, data.b];
      const product = matmul.reference([a, b, ...data.bias], productSpecs(name, specs, attrs), attrs);
      const value = valueSpec(specs, attrs);
      const outputs = reference(
        defined(product[0], 'product'),
        data.rest,
        { value, rest: shapes.rest },
        attrs,
      );
      return sums === true ? [...outputs, ...columnSum.reference([data.a], [shapes.a], {})] : outputs;
    },
  };
}

/** LayerNorm's y as rows, of maps and what normalises them. */
function normalised(maps: Float64Array, spec: TensorSpec, normal: readonly Float64Array[]): Float64Array {
  const shape = layerNormShape('matmul', spec, [], { eps: 0, from: 'nchw', to: 'rows' });
  const [statistics, weight, bias] = normal as [Float64Array, Float64Array, Float64Array];
  return normalizeReference(
    [maps, statistics, weight, bias],
    shape,
    layoutOf('nchw', shape),
    layoutOf('rows', shape),
  );
}

const FORWARD = { transposeA: false, transposeB: true, bias: 'cols' } as const;
const GRAD_WEIGHT = { transposeA: true, transposeB: false, bias: 'none' } as const;

/** Maps of 2×20×6×6, and what normalises them. */
const MAPS = [f32(2, 20, 6, 6), [f32(144), f32(20), f32(20)]] as const;

function noMore(name: string, rest: readonly TensorSpec[]): void {
  if (rest.length > 0) throw shapeError(name, `${rest.length} inputs too many`);
}

/** y = A B + bias with an operand normalised on the way in: a linear layer behind LayerNorm, or the gradient of its weight. */
export const matmulNorm = fusedMatmul<FusedMatmulAttrs>(
  'matmul-norm',
  {
    examples: [
      { inputs: [MAPS[0], f32(45, 20), f32(45), ...MAPS[1]], attrs: { ...FORWARD, normal: 'a' } },
      { inputs: [f32(72, 19), MAPS[0], ...MAPS[1]], attrs: { ...GRAD_WEIGHT, normal: 'b' } },
    ],
    infer(value, rest) {
      noMore('matmul-norm', rest);
      return [value];
    },
    reference: (value) => [value],
  },
  [0],
);

/** Gradients of a linear layer's weight and bias: dweight = aᵀ B and dbias = Σ of a's rows, a being dy. */
export const matmulGradWeight = fusedMatmul<FusedMatmulAttrs>(
  'matmul-grad-weight',
  {
    examples: [
      { inputs: [f32(517, 36), f32(517, 20)], attrs: GRAD_WEIGHT },
      { inputs: [f32(72, 19), MAPS[0], ...MAPS[1]], attrs: { ...GRAD_WEIGHT, normal: 'b' } },
    ],
    infer(value, rest, { transposeA, bias }) {
      noMore('matmul-grad-weight', rest);
      if (!transposeA || bias !== 'none')
        throw shapeError('matmul-grad-weight', 'takes dy as a, transposed, and no bias');
      return [value];
    },
    sums: true,
    reference: (value) => [value],
  },
  [0, 1],
);

export interface MatmulGeluAttrs extends FusedMatmulAttrs {
  /** The product itself is an output too, for the gradient of gelu. */
  readonly keep: boolean;
}

/** y = gelu(A B + bias). Outputs: y, and the product where `keep`. */
export const matmulGelu = fusedMatmul<MatmulGeluAttrs>('matmul-gelu', {
  examples: [
    { inputs: [f32(37, 20), f32(44, 20), f32(44)], attrs: { ...FORWARD, keep: true } },
    { inputs: [f32(37, 19), f32(45, 19), f32(45)], attrs: { ...FORWARD, keep: false } },
    { inputs: [MAPS[0], f32(44, 20), f32(44), ...MAPS[1]], attrs: { ...FORWARD, normal: 'a', keep: true } },
  ],
  infer(value, rest, { keep }) {
    noMore('matmul-gelu', rest);
    return keep ? [value, value] : [value];
  },
  reference: (value, _rest, _specs, { keep }) =>
    keep ? [geluReference(value), value] : [geluReference(value)],
});

/** dh = (A B + bias) gelu'(h): a product that makes the gradient of gelu(h). Last input: h of the product's shape. */
export const matmulGeluGradient = fusedMatmul<FusedMatmulAttrs>('matmul-gelu-gradient', {
  examples: [
    {
      inputs: [f32(37, 20), f32(20, 44), f32(37, 44)],
      attrs: { transposeA: false, transposeB: false, bias: 'none' },
    },
  ],
  infer(value, [h, ...rest]) {
    noMore('matmul-gelu-gradient', rest);
    if (showShape(h?.shape ?? []) !== showShape(value.shape))
      throw shapeError(
        'matmul-gelu-gradient',
        `h is ${showShape(h?.shape ?? [])}, the product ${showShape(value.shape)}`,
      );
    return [value];
  },
  reference: (value, [h]) => [geluGradientReference(defined(h, 'h'), value)],
});

export interface MatmulResidualAttrs extends FusedMatmulAttrs {
  /** A layer scale gamma (c) is an input. */
  readonly gamma: boolean;
  /** A drop-path mask (n) is an input. */
  readonly mask: boolean;
  /** The product itself, as rows, is an output too, for the gradient of gamma. */
  readonly keep: boolean;
}

/** The attributes of the `scaleResidual` that the end does. */
function residualAttrs({ gamma, mask }: MatmulResidualAttrs) {
  return { from: 'rows', gamma, mask } as const;
}

/**
 * y = x + mask[n] gamma[c] (A B + bias): the end of a block's branch and its way back to maps. Last inputs: x (n, c, h, w),
 * gamma (c) and mask (n) as the attributes say. Outputs: y (n, c, h, w), and the product where `keep`.
 */
export const matmulResidual = fusedMatmul<MatmulResidualAttrs>('matmul-residual', {
  examples: [
    {
      inputs: [f32(72, 20), f32(44, 20), f32(44), f32(2, 44, 6, 6), f32(44), f32(2)],
      attrs: { ...FORWARD, gamma: true, mask: true, keep: true },
    },
    {
      inputs: [f32(30, 19), f32(37, 19), f32(37), f32(2, 37, 3, 5), f32(37)],
      attrs: { ...FORWARD, gamma: true, mask: false, keep: true },
    },
    {
      inputs: [f32(30, 19), f32(37, 19), f32(37), f32(2, 37, 3, 5)],
      attrs: { ...FORWARD, gamma: false, mask: false, keep: false },
    },
  ],
  infer(value, [x, ...rest], attrs) {
    const y = scaleResidual.infer([defined(x, 'x'), value, ...rest], residualAttrs(attrs));
    return attrs.keep ? [...y, value] : y;
  },
  reference(value, [x, ...rest], { value: spec, rest: [xSpec, ...specs] }, attrs) {
    const y = scaleResidual.reference(
      [defined(x, 'x'), value, ...rest],
      [defined(xSpec, 'x'), spec, ...specs],
      residualAttrs(attrs),
    );
    return attrs.keep ? [...y, value] : y;
  },
});
