const { fround } = Math;

/**
 * Cross-entropy of one image and its gradient, on the host: loss = −Σ t log softmax(z), dz = softmax(z) Σt − t. The gradient has the single
 * precision of PyTorch's log_softmax, rounding for rounding: where the softmax saturates, that is what attacks of other libraries see.
 * @param dlogits is written, (classes)
 */
export function crossEntropyRow(logits: Float32Array, targets: Float32Array, dlogits: Float32Array): number {
  const max = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  let [sum, exact, weight] = [0, 0, 0];
  for (const [k, value] of logits.entries()) {
    const power = Math.exp(fround(value - max));
    sum = fround(sum + fround(power));
    exact += Math.exp(value - max);
    weight += targets[k] as number;
  }
  const logSum = fround(Math.log(sum));
  let loss = 0;
  for (const [k, value] of logits.entries()) {
    const target = targets[k] as number;
    if (target !== 0) loss += target * (max + Math.log(exact) - value);
    const probability = fround(Math.exp(fround(fround(value - max) - logSum)));
    dlogits[k] = fround(weight * probability) - target;
  }
  return loss;
}
