import { defined } from '../../util/errors.ts';
import type { Tensor } from '../tensor.ts';
import { columnSum } from '../column-sum/op.ts';
import { type Application, type Op, type Recorder, memoryCost } from '../op.ts';
import { rowSum } from '../row-sum/op.ts';
import { type TensorSpec, f32, shapeError, showShape } from '../tensor.ts';
import { type MatmulShape, matmulReference } from './reference.ts';

export interface MatmulAttrs {
  /** `a` is stored (k, m). */
  readonly transposeA: boolean;
  /** `b` is stored (n, k), as the weight of a linear layer is. */
  readonly transposeB: boolean;
  /** A third input added to every row (`cols`, of n elements) or every column (`rows`, of m elements). */
  readonly bias: 'none' | 'cols' | 'rows';
  /** Sum over the batch of two 3-D operands: the weight gradient of a batched product. */
  readonly reduceBatch?: boolean;
}

/** Checks shapes and returns the product's sizes. */
export function matmulShape(inputs: readonly TensorSpec[], attrs: MatmulAttrs): MatmulShape {
  const [a, b, bias] = inputs;
  if (a === undefined || b === undefined || inputs.length !== (attrs.bias === 'none' ? 2 : 3))
    throw shapeError(
      'matmul',
      `takes ${attrs.bias === 'none' ? 2 : 3} inputs with bias ${attrs.bias}, got ${inputs.length}`,
    );
  const [batchA, rowsA, colsA] = matrix(a);
  const [batchB, rowsB, colsB] = matrix(b);
  const [m, k] = attrs.transposeA ? [colsA, rowsA] : [rowsA, colsA];
  const [depth, n] = attrs.transposeB ? [colsB, rowsB] : [rowsB, colsB];
  const shapes = `${showShape(a.shape)}${attrs.transposeA ? 'ᵀ' : ''} and ${showShape(b.shape)}${attrs.transposeB ? 'ᵀ' : ''}`;
  if (k !== depth) throw shapeError('matmul', `inner sizes of ${shapes} are ${k} and ${depth}`);
  if (batchA !== undefined && batchB !== undefined && batchA !== batchB)
    throw shapeError('matmul', `batches of ${shapes} differ`);
  if (attrs.reduceBatch === true && (batchA === undefined || batchB === undefined))
    throw shapeError('matmul', `reduceBatch needs two 3-D operands, got ${shapes}`);
  const length = attrs.bias === 'cols' ? n : m;
  if (bias !== undefined && showShape(bias.shape) !== showShape([length]))
    throw shapeError('matmul', `bias over ${attrs.bias} is ${showShape(bias.shape)}, expected (${length})`);
  return {
    batch: batchA ?? batchB ?? 1,
    m,
    n,
    k,
    batchStrideA: batchA === undefined ? 0 : m * k,
    batchStrideB: batchB === undefined ? 0 : k * n,
  };
}

function matrix(spec: TensorSpec): [number | undefined, number, number] {
  const { shape } = spec;
  if (shape.length !== 2 && shape.length !== 3)
    throw shapeError(
      'matmul',
      `operand of shape ${showShape(shape)} is neither a matrix nor a batch of them`,
    );
  const [cols = 0, rows = 0, batch] = [...shape].reverse();
  return [batch, rows, cols];
}

/** Whether an operand of a product is an activation stored in 16 bits. */
export function hasHalf(inputs: readonly TensorSpec[]): boolean {
  return inputs.slice(0, 2).some(({ dtype }) => dtype === 'f16');
}

/**
 * Matrix product with optional bias: y = A B + bias, A = a or aᵀ, B = b or bᵀ. (torch.nn.Linear is transposeB and bias cols.)
 * Inputs: a (m, k), b (k, n) — stored transposed where the attributes say so — and bias. A 3-D operand brings a batch in
 * front; a 2-D one is shared by it. Output: (m, n) or (batch, m, n).
 * @example graph.one(matmul, [x, weight, bias], { transposeA: false, transposeB: true, bias: 'cols' })
 */
export const matmul: Op<MatmulAttrs> = {
  name: 'matmul',
  examples: [
    {
      inputs: [f32(37, 19), f32(45, 19), f32(45)],
      attrs: { transposeA: false, transposeB: true, bias: 'cols' },
    },
    {
      inputs: [f32(3, 18, 67), f32(3, 21, 67)],
      attrs: { transposeA: false, transposeB: true, bias: 'none', reduceBatch: true },
    },
  ],
  infer(inputs, attrs) {
    const { batch, m, n } = matmulShape(inputs, attrs);
    const batched = inputs.slice(0, 2).some((spec) => spec.shape.length === 3) && attrs.reduceBatch !== true;
    // A product with an activation is an activation; weights are always f32.
    const dtype = hasHalf(inputs) ? 'f16' : 'f32';
    return [{ shape: batched ? [batch, m, n] : [m, n], dtype }];
  },
  cost(inputs, outputs, attrs) {
    const { batch, m, n, k } = matmulShape(inputs, attrs);
    const macs = batch * m * n * k;
    return { macs, liveMacs: macs, bytes: memoryCost(inputs, outputs).bytes };
  },
  accumulates: [0],
  reference: ([a, b, bias], specs, attrs) => {
    const shape = matmulShape(specs, attrs);
    const y = matmulReference(a as Float64Array, b as Float64Array, shape, {
      ...attrs,
      reduceBatch: attrs.reduceBatch === true,
    });
    if (bias !== undefined) {
      y.forEach((value, i) => {
        y[i] =
          value + (bias[attrs.bias === 'cols' ? i % shape.n : Math.floor(i / shape.n) % shape.m] as number);
      });
    }
    return [y];
  },
  gradient: matmulGradient,
};

function matmulGradient(
  graph: Recorder,
  node: Application<MatmulAttrs>,
  [dy]: readonly (Tensor | undefined)[],
  needs: readonly boolean[],
): readonly (Tensor | undefined)[] {
  if (dy === undefined) return [];
  const { transposeA, transposeB, bias, reduceBatch } = node.attrs;
  const a = defined(node.inputs[0], 'matmul a');
  const b = defined(node.inputs[1], 'matmul b');
  const batched = a.spec.shape.length === 3 || b.spec.shape.length === 3;
  const product = (left: Tensor, right: Tensor, flipLeft: boolean, flipRight: boolean, like: Tensor) =>
    graph.one(matmul, [left, right], {
      transposeA: flipLeft,
      transposeB: flipRight,
      bias: 'none',
      reduceBatch: batched && reduceBatch !== true && like.spec.shape.length === 2,
    });
  const da = () => (transposeA ? product(b, dy, transposeB, true, a) : product(dy, b, false, !transposeB, a));
  const db = () => (transposeB ? product(dy, a, true, transposeA, b) : product(a, dy, !transposeA, false, b));
  return [
    needs[0] === true ? da() : undefined,
    needs[1] === true ? db() : undefined,
    needs[2] === true ? graph.one(bias === 'cols' ? columnSum : rowSum, [dy], {}) : undefined,
  ];
}
