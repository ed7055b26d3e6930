// y = factor · x;  dx = factor · dy

export function scaleReference(x: Float64Array, factor: number): Float64Array {
  return x.map((value) => value * factor);
}
