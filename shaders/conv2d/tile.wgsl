// A matmul whose inner dimension is cut into slices of DEPTH. A workgroup makes ROWS·LANES_M rows by 4·LANES_N columns of the
// result, an invocation ROWS rows (a multiple of 4) by 4 columns, in the variables sum0 …. For each slice the workgroup fills
// a_tile (DEPTH, rows) and b_tile (DEPTH, columns), both of vec4, then runs tile-gemm.wgsl.
// With LANES_M = 1 no two invocations share a column: b stays in the variables fill0 …, and every index into a_tile is a
// constant. WGSL clamps reads outside of a map or tile, and the value is replaced by 0, which is cheaper than a branch.
// Workgroup memory: 4·DEPTH·(rows + columns) bytes.
#param ROWS: int // rows per invocation
#param LANES_M: int // invocations that share columns
#param LANES_N: int // invocations that share rows
#param DEPTH: int // slice of the depth
#param UNROLL: int // steps of a slice unrolled: a divisor of DEPTH, DEPTH itself where LANES_M = 1

const LANES = ${LANES_M * LANES_N}u;
const TILE_M = ${ROWS * LANES_M}u;
const TILE_N = ${4 * LANES_N}u;
const A_QUADS = ${DEPTH * ROWS * LANES_M / 4}u;

var<workgroup> a_tile: array<vec4f, A_QUADS>;
#if LANES_M > 1
var<workgroup> b_tile: array<vec4f, ${DEPTH * LANES_N}>;
#endif
