// loss = −Σ_k t_k log softmax(z)_k = Σ_k t_k (log Σ_j e^{z_j} − z_k), the maximum of z subtracted first.
// dz_k = dloss · (softmax(z)_k Σ_j t_j − t_k).

/** log Σ e^z of one row. */
function logSumExp(z: Float64Array): number {
  const largest = z.reduce((max, value) => Math.max(max, value), -Infinity);
  return largest + Math.log(z.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function eachRow(k: number, logits: Float64Array, visit: (row: number, z: Float64Array) => void): void {
  for (let row = 0; row * k < logits.length; row++) visit(row, logits.subarray(row * k, (row + 1) * k));
}

export function softCrossEntropyReference(
  k: number,
  logits: Float64Array,
  targets: Float64Array,
): Float64Array {
  const loss = new Float64Array(logits.length / k);
  eachRow(k, logits, (row, z) => {
    const norm = logSumExp(z);
    loss[row] = z.reduce((sum, value, i) => sum + (targets[row * k + i] as number) * (norm - value), 0);
  });
  return loss;
}

export function softCrossEntropyGradientReference(
  k: number,
  logits: Float64Array,
  targets: Float64Array,
  dloss: Float64Array,
): Float64Array {
  const dlogits = new Float64Array(logits.length);
  eachRow(k, logits, (row, z) => {
    const norm = logSumExp(z);
    const t = targets.subarray(row * k, (row + 1) * k);
    const mass = t.reduce((sum, value) => sum + value, 0);
    z.forEach((value, i) => {
      dlogits[row * k + i] = (dloss[row] as number) * (Math.exp(value - norm) * mass - (t[i] as number));
    });
  });
  return dlogits;
}
