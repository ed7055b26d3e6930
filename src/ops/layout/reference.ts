// y[(i·plane + p)·c + j] = x[(i·c + j)·plane + p]: maps (n, c, plane) to rows (n·plane, c); and back.

/** Maps (n, c, h, w). */
export interface MapsSize {
  readonly n: number;
  readonly c: number;
  /** h·w */
  readonly plane: number;
}

/** Calls `visit` with the index of every element in maps and in rows. */
function eachElement({ n, c, plane }: MapsSize, visit: (inMaps: number, inRows: number) => void): void {
  let at = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < c; j++) for (let p = 0; p < plane; p++) visit(at++, (i * plane + p) * c + j);
}

export function toRowsReference(size: MapsSize, x: Float64Array): Float64Array {
  const y = new Float64Array(x.length);
  eachElement(size, (inMaps, inRows) => (y[inRows] = x[inMaps] as number));
  return y;
}

export function toMapsReference(size: MapsSize, x: Float64Array): Float64Array {
  const y = new Float64Array(x.length);
  eachElement(size, (inMaps, inRows) => (y[inMaps] = x[inRows] as number));
  return y;
}
