// y = x

export function castReference(x: Float64Array): Float64Array {
  return x.slice();
}
