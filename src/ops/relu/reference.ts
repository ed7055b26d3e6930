// y = max(x, 0);  dx = dy where y > 0, else 0

export function reluReference(x: Float64Array): Float64Array {
  return x.map((value) => (value < 0 ? 0 : value));
}

export function reluGradientReference(y: Float64Array, dy: Float64Array): Float64Array {
  return dy.map((value, i) => ((y[i] as number) > 0 ? value : 0));
}
