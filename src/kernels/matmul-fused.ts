import { geluGradientReference, geluReference } from './gelu.reference.ts';
import { lowerMatmul, matmulVariants, type MatmulEnd } from './matmul.lower.ts';
import { hasHalf, matmul, matmulShape, type MatmulAttrs } from './matmul.ts';
import {
  f32,
  input,
  memoryCost,
  output,
  shapeError,
  showShape,
  type LowerContext,
  type Lowering,
  type Op,
  type TensorSpec,
  type Variant,
} from './op.ts';
import { defined } from '../util/errors.ts';

/**
 * Products with what follows them done before the sums leave the registers. Models do not record these: src/graph/fusion.ts
 * puts them in the place of a product and the op after it, once gradients are there; so they have no gradient of their own.
 */

/** Inputs of the product at the head of a fused op's inputs, and those after it. */
function parts<T>(inputs: readonly T[], { bias }: MatmulAttrs): [product: readonly T[], rest: readonly T[]] {
  const count = bias === 'none' ? 2 : 3;
  return [inputs.slice(0, count), inputs.slice(count)];
}

function lowerEnd<A extends MatmulAttrs>(
  { inputs, outputs, attrs }: LowerContext<A>,
  variant: Variant,
  end: MatmulEnd,
): Lowering {
  const ends = [...inputs.slice(2).map((_, i) => input(i + 2)), ...outputs.map((_, i) => output(i))];
  return lowerMatmul(
    {
      ...attrs,
      shape: matmulShape(parts(inputs, attrs)[0], attrs),
      reduceBatch: false,
      accumulate: false,
      operands: [input(0), input(1)],
      ends,
      end,
    },
    variant,
  );
}

/** Members that all products with an end share. */
const common = {
  cost: (inputs: readonly TensorSpec[], outputs: readonly TensorSpec[], attrs: MatmulAttrs) => {
    const product = parts(inputs, attrs)[0];
    const { macs, liveMacs } = matmul.cost(product, matmul.infer(product, attrs), attrs);
    return { macs, liveMacs, bytes: memoryCost(inputs, outputs).bytes };
  },
  variants: (context: LowerContext<MatmulAttrs>) =>
    matmulVariants(
      matmulShape(parts(context.inputs, context.attrs)[0], context.attrs),
      context,
      hasHalf(context.inputs),
    ),
};

function productSpec(inputs: readonly TensorSpec[], attrs: MatmulAttrs): TensorSpec {
  return defined(matmul.infer(inputs, attrs)[0], 'product');
}

export interface MatmulGeluAttrs extends MatmulAttrs {
  /** The product itself is an output too, for the gradient of gelu. */
  readonly keep: boolean;
}

const FORWARD: MatmulAttrs = { transposeA: false, transposeB: true, bias: 'cols' };

/** y = gelu(A B + bias). Inputs as matmul. Outputs: y, and the product where `keep`. */
export const matmulGelu: Op<MatmulGeluAttrs> = {
  ...common,
  name: 'matmul-gelu',
  examples: [
    { inputs: [f32(37, 20), f32(44, 20), f32(44)], attrs: { ...FORWARD, keep: true } },
    { inputs: [f32(37, 19), f32(45, 19), f32(45)], attrs: { ...FORWARD, keep: false } },
  ],
  infer(inputs, attrs) {
    const spec = productSpec(inputs, attrs);
    return attrs.keep ? [spec, spec] : [spec];
  },
  lower: (context, variant) => lowerEnd(context, variant, { kind: 'gelu', keep: context.attrs.keep }),
  reference(inputs, specs, attrs) {
    const h = defined(matmul.reference(inputs, specs, attrs)[0], 'product');
    return attrs.keep ? [geluReference(h), h] : [geluReference(h)];
  },
};

/** dh = (A B + bias) gelu'(h): a product that makes the gradient of gelu(h). Inputs: as matmul, then h of the product's shape. */
export const matmulGeluGradient: Op<MatmulAttrs> = {
  ...common,
  name: 'matmul-gelu-gradient',
  examples: [
    {
      inputs: [f32(37, 20), f32(20, 44), f32(37, 44)],
      attrs: { transposeA: false, transposeB: false, bias: 'none' },
    },
  ],
  infer(inputs, attrs) {
    const [product, [h]] = parts(inputs, attrs);
    const spec = productSpec(product, attrs);
    if (showShape(h?.shape ?? []) !== showShape(spec.shape))
      throw shapeError(
        'matmul-gelu-gradient',
        `h is ${showShape(h?.shape ?? [])}, the product ${showShape(spec.shape)}`,
      );
    return [spec];
  },
  lower: (context, variant) => lowerEnd(context, variant, { kind: 'gelu-gradient' }),
  reference(inputs, specs, attrs) {
    const [product, [h]] = parts(inputs, attrs);
    const dy = defined(matmul.reference(product, parts(specs, attrs)[0], attrs)[0], 'product');
    return [geluGradientReference(defined(h, 'h'), dy)];
  },
};
