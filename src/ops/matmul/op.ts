import { columnSum } from '../column-sum/op.ts';
import { type Application, type Op, type Recorder, type Some, memoryCost } from '../op.ts';
import { rowSum } from '../row-sum/op.ts';
import { type Tensor, type TensorSpec, expectShape, f32, shapeError, showShape } from '../tensor.ts';
import { type MatmulShape, matmulReference } from './reference.ts';

export interface MatmulAttrs {
  /** `a` is stored (k, m). */
  readonly transposeA: boolean;
  /** `b` is stored (n, k), as the weight of a linear layer is. */
  readonly transposeB: boolean;
  /** The bias is added to every row (`cols`, of n elements) or every column (`rows`, of m elements). */
  readonly bias: 'none' | 'cols' | 'rows';
  /** Sum over the batch of two 3-D operands: the weight gradient of a batched matmul. */
  readonly reduceBatch?: boolean;
}

interface OperandSpecs {
  readonly a: TensorSpec;
  readonly b: TensorSpec;
  readonly bias?: TensorSpec | undefined;
}

/** Checks shapes and returns the sizes m, n, k. */
export function matmulShape({ a, b, bias }: OperandSpecs, attrs: MatmulAttrs): MatmulShape {
  if ((bias === undefined) !== (attrs.bias === 'none'))
    throw shapeError(
      'matmul',
      `bias is ${bias ? showShape(bias.shape) : 'not given'}, but set to ${attrs.bias}`,
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
  if (bias) expectShape('matmul', `bias over ${attrs.bias}`, bias, [attrs.bias === 'cols' ? n : m]);
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

/** Whether an operand is an activation stored in 16 bits. */
export function hasHalf({ a, b }: OperandSpecs): boolean {
  return a.dtype === 'f16' || b.dtype === 'f16';
}

type Input = 'a' | 'b' | 'bias?';

/**
 * Matrix product with optional bias: y = A B + bias, A = a or aᵀ, B = b or bᵀ. (torch.nn.Linear is transposeB and bias cols.)
 * a (m, k), b (k, n), each stored transposed if the attributes say so, and bias. A 3-D operand has a batch dimension in front; a 2-D
 * operand is shared by the whole batch. y (m, n) or (batch, m, n).
 * @example graph.one(matmul, { a: x, b: weight, bias }, { transposeA: false, transposeB: true, bias: 'cols' })
 */
export const matmul: Op<MatmulAttrs, Input, 'y'> = {
  name: 'matmul',
  inputs: ['a', 'b', 'bias?'],
  outputs: ['y'],
  examples: [
    {
      inputs: { a: f32(37, 19), b: f32(45, 19), bias: f32(45) },
      attrs: { transposeA: false, transposeB: true, bias: 'cols' },
    },
    {
      inputs: { a: f32(3, 18, 67), b: f32(3, 21, 67) },
      attrs: { transposeA: false, transposeB: true, bias: 'none', reduceBatch: true },
    },
  ],
  infer(inputs, attrs) {
    const { batch, m, n } = matmulShape(inputs, attrs);
    const batched =
      [inputs.a, inputs.b].some((spec) => spec.shape.length === 3) && attrs.reduceBatch !== true;
    // A matmul with an activation makes an activation; weights are always f32.
    const dtype = hasHalf(inputs) ? 'f16' : 'f32';
    return { y: { shape: batched ? [batch, m, n] : [m, n], dtype } };
  },
  cost(inputs, outputs, attrs) {
    const { batch, m, n, k } = matmulShape(inputs, attrs);
    const macs = batch * m * n * k;
    return { macs, liveMacs: macs, bytes: memoryCost(inputs, outputs).bytes };
  },
  accumulates: ['y'],
  reference: ({ a, b, bias }, specs, attrs) => ({
    y: matmulReference(a, b, bias, matmulShape(specs, attrs), attrs),
  }),
  gradient: matmulGradient,
};

function matmulGradient(
  graph: Recorder,
  { inputs: { a, b }, attrs }: Application<MatmulAttrs, Input, 'y'>,
  { y: dy }: Some<Tensor, 'y'>,
  needs: ReadonlySet<string>,
): Some<Tensor, Input> {
  if (dy === undefined) return {};
  const { transposeA, transposeB, bias, reduceBatch } = attrs;
  const batched = a.spec.shape.length === 3 || b.spec.shape.length === 3;
  const multiply = (
    left: Tensor,
    right: Tensor,
    transposeLeft: boolean,
    transposeRight: boolean,
    like: Tensor,
  ) =>
    graph.one(
      matmul,
      { a: left, b: right },
      {
        transposeA: transposeLeft,
        transposeB: transposeRight,
        bias: 'none',
        reduceBatch: batched && reduceBatch !== true && like.spec.shape.length === 2,
      },
    );
  const da = () =>
    transposeA ? multiply(b, dy, transposeB, true, a) : multiply(dy, b, false, !transposeB, a);
  const db = () =>
    transposeB ? multiply(dy, a, true, transposeA, b) : multiply(a, dy, !transposeA, false, b);
  return {
    a: needs.has('a') ? da() : undefined,
    b: needs.has('b') ? db() : undefined,
    bias: needs.has('bias') ? graph.one(bias === 'cols' ? columnSum : rowSum, { x: dy }, {}) : undefined,
  };
}
