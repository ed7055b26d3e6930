// y[b,i,j] = Σ_l A[b,i,l] B[b,l,j] + bias, A = a or aᵀ, B = b or bᵀ; with reduceBatch also Σ_b.
// dA = dy Bᵀ, dB = Aᵀ dy, dbias = Σ dy over everything but its own dimension.

/** Sizes and layout of one matmul. Batch strides are in elements; 0 where an operand is shared by the batch. */
export interface MatmulShape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batchStrideA: number;
  readonly batchStrideB: number;
}

/** How operands are stored, and what the bias is added to. */
export interface MatmulForm {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly reduceBatch?: boolean;
  readonly bias: 'none' | 'cols' | 'rows';
}

/** (batch, m, n), or (m, n) where the batch is summed. */
export function matmulReference(
  a: Float64Array,
  b: Float64Array,
  bias: Float64Array | undefined,
  shape: MatmulShape,
  form: MatmulForm,
): Float64Array {
  const y = multiply(a, b, shape, form);
  if (bias === undefined) return y;
  const { m, n } = shape;
  return y.map((value, i) => value + (bias[form.bias === 'cols' ? i % n : Math.floor(i / n) % m] as number));
}

function multiply(
  a: Float64Array,
  b: Float64Array,
  shape: MatmulShape,
  { transposeA, transposeB, reduceBatch = false }: MatmulForm,
): Float64Array {
  const { batch, m, n, k, batchStrideA, batchStrideB } = shape;
  const y = new Float64Array((reduceBatch ? 1 : batch) * m * n);
  const [rowStep, depthStep] = transposeA ? [1, m] : [k, 1];
  const [depthStepB, colStep] = transposeB ? [1, k] : [n, 1];
  for (let group = 0; group < batch; group++) {
    const base = reduceBatch ? 0 : group * m * n;
    for (let i = 0; i < m; i++) {
      for (let l = 0; l < k; l++) {
        const left = a[group * batchStrideA + i * rowStep + l * depthStep] as number;
        let at = group * batchStrideB + l * depthStepB;
        for (let j = 0; j < n; j++, at += colStep) {
          const index = base + i * n + j;
          y[index] = (y[index] as number) + left * (b[at] as number);
        }
      }
    }
  }
  return y;
}
