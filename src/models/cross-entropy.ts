/**
 * Cross-entropy of one image and its gradient, on the host: loss = −Σ t log softmax(z), dz = softmax(z) Σt − t.
 * The softmax is rounded to single precision before the target is taken from it, as PyTorch's gradient is.
 * @param dlogits is written, (classes)
 */
export function crossEntropyRow(logits: Float32Array, targets: Float32Array, dlogits: Float32Array): number {
  const max = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const sum = logits.reduce((total, value) => total + Math.exp(value - max), 0);
  const weight = targets.reduce((total, value) => total + value, 0);
  const logSum = max + Math.log(sum);
  let loss = 0;
  for (const [k, value] of logits.entries()) {
    const target = targets[k] as number;
    if (target !== 0) loss += target * (logSum - value);
    dlogits[k] = Math.fround(weight * (Math.exp(value - max) / sum)) - target;
  }
  return loss;
}
