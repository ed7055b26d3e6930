import { elementwise, flatLowering, sameShape } from './elementwise.ts';
import { f32Literal } from './literal.ts';
import {
  elems,
  f32,
  flatGrid,
  input,
  memoryCost,
  output,
  scratch,
  shapeError,
  type DeviceTraits,
  type LowerContext,
  type Lowering,
  type Op,
  type TensorSpec,
  type Variant,
} from './op.ts';

type None = Readonly<Record<string, never>>;

/** SwiftShader switches between the invocations of a workgroup at each barrier: the fewer of them, the better. */
function reductionVariants({ features }: DeviceTraits): readonly Variant[] {
  return [{ kind: 'two-stage', lanes: features.has('swiftshader') ? 8 : 256 }];
}

/** Items an invocation of the first stage adds up, where there are enough. */
const RUN = 8;

/** Most partial results of the first stage, which one workgroup of the second adds up. */
const MAX_PARTS = 1024;

/** What the first stage adds up: x, x², or 1 for every infinity and NaN. */
type Term = 'value' | 'square' | 'non-finite';

/**
 * Two stages of fixed order: each workgroup strides through its share of x, then one workgroup adds the shares up.
 * @param factor multiplies the total
 */
function lowerReduction(
  { inputs, accumulate }: Pick<LowerContext<unknown>, 'inputs' | 'accumulate'>,
  variant: Variant,
  term: Term,
  factor: number,
): Lowering {
  const lanes = Number(variant['lanes']);
  const n = elems(inputs[0]?.shape ?? []);
  const width = n % 4 === 0 ? 4 : 1;
  const items = n / width;
  const parts = Math.min(MAX_PARTS, Math.max(1, Math.ceil(items / (lanes * RUN))));
  const common = { WORKGROUP: lanes, PARTS: parts };
  return {
    scratch: [f32(parts)],
    dispatches: [
      {
        shader: 'reduce/parts.wgsl',
        params: {
          ...common,
          ITEMS: items,
          WIDTH: width,
          SQUARE: term === 'square' ? 1 : 0,
          NON_FINITE: term === 'non-finite' ? 1 : 0,
        },
        bindings: [input(0), scratch(0)],
        grid: flatGrid(parts),
      },
      {
        shader: 'reduce/total.wgsl',
        params: { ...common, FACTOR: f32Literal(factor), ACCUMULATE: accumulate[0] === true ? 1 : 0 },
        bindings: [scratch(0), output(0)],
        grid: [1, 1, 1],
      },
    ],
  };
}

function toScalar(name: string, inputs: readonly TensorSpec[]): readonly TensorSpec[] {
  if (inputs.length !== 1) throw shapeError(name, `takes 1 input, got ${inputs.length}`);
  return [f32(1)];
}

export interface SumAttrs {
  /** Multiplies the sum; 1/elements makes a mean. */
  readonly factor: number;
}

/** y = factor · Σx over all elements, shape (1). */
export const sum: Op<SumAttrs> = {
  name: 'sum',
  examples: [{ inputs: [f32(3, 1111)], attrs: { factor: 0.5 } }],
  infer: (inputs) => toScalar('sum', inputs),
  cost: memoryCost,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'value', context.attrs.factor),
  reference: ([x], _specs, { factor }) => [
    Float64Array.of(factor * (x as Float64Array).reduce((total, value) => total + value, 0)),
  ],
  gradient: (graph, node, [dy]) => {
    const shape = node.inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(spread, [dy], { shape, factor: node.attrs.factor })];
  },
};

/** Σx², shape (1): the square of a gradient's norm. Several vectors can be summed into one output. */
export const sumSquares: Op<None> = {
  name: 'sum-squares',
  examples: [{ inputs: [f32(3333)], attrs: {} }],
  accumulates: [0],
  infer: (inputs) => toScalar('sum-squares', inputs),
  cost: memoryCost,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'square', 1),
  reference: ([x]) => [
    Float64Array.of((x as Float64Array).reduce((total, value) => total + value * value, 0)),
  ],
};

/** How many elements are infinite or NaN, shape (1). */
export const nonFinite: Op<None> = {
  name: 'non-finite',
  examples: [{ inputs: [f32(3333)], attrs: {} }],
  accumulates: [0],
  infer: (inputs) => toScalar('non-finite', inputs),
  cost: memoryCost,
  variants: reductionVariants,
  lower: (context, variant) => lowerReduction(context, variant, 'non-finite', 1),
  reference: ([x]) => [
    Float64Array.of(
      (x as Float64Array).reduce((total, value) => total + (Number.isFinite(value) ? 0 : 1), 0),
    ),
  ],
};

export interface SpreadAttrs {
  readonly shape: readonly number[];
  readonly factor: number;
}

/** A scalar copied to every element, times `factor`: the gradient of `sum`. */
export const spread: Op<SpreadAttrs> = {
  name: 'spread',
  examples: [{ inputs: [f32(1)], attrs: { shape: [3, 5], factor: 2 } }],
  infer: (inputs, { shape }) => {
    if (inputs.length !== 1 || elems(inputs[0]?.shape ?? []) !== 1)
      throw shapeError('spread', 'takes one tensor of a single element');
    return [f32(...shape)];
  },
  cost: memoryCost,
  variants: () => [{ kind: 'plain' }],
  lower: ({ outputs, attrs }) =>
    flatLowering('reduce/spread.wgsl', outputs[0], [input(0)], { FACTOR: f32Literal(attrs.factor) }),
  reference: ([x], _specs, { shape, factor }) => [
    new Float64Array(elems(shape)).fill(((x as Float64Array)[0] as number) * factor),
  ],
};

export interface ScaleAttrs {
  readonly factor: number;
}

/** y = factor · x, elementwise. */
export const scale: Op<ScaleAttrs> = {
  ...elementwise,
  name: 'scale',
  examples: [{ inputs: [f32(3, 257)], attrs: { factor: -0.25 } }],
  infer: (inputs) => sameShape('scale', inputs, 1),
  lower: ({ outputs, attrs }) =>
    flatLowering('reduce/scale.wgsl', outputs[0], [input(0)], { FACTOR: f32Literal(attrs.factor) }),
  reference: ([x], _specs, { factor }) => [(x as Float64Array).map((value) => value * factor)],
  gradient: (graph, node, [dy]) => [dy && graph.one(scale, [dy], node.attrs)],
};
