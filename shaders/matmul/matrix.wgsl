// y = A B + bias on matrix units: a subgroup multiplies 16×16 by 16×COLS matrices in 16 bits and sums in 32. A workgroup of WA·WB
// subgroups makes (16·WA·RA) × (COLS·WB·RB) elements of y; a subgroup holds RA·RB matrices of them in registers. Tiles of A and B,
// DEPTH (a multiple of 16) deep, lie in workgroup memory as f16, in the order in which the operands are stored; 32-bit operands are
// rounded on the way. The next tiles are read while the units work on the current ones. Sums are stored through workgroup memory,
// STRIP matrices of a subgroup at a time, so that all epilogues of tile.wgsl work here too.
// Each row of a tile is padded by 16 bytes, so that eight consecutive rows begin in different banks.
// Workgroup memory: see bytesOf in src/ops/matmul/matrix.ts. Grid: tiles of columns, tiles of rows, matrices or splits.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
#if SIZED
enable subgroup_size_control;
#endif
diagnostic(off, chromium.subgroup_matrix_uniformity);
#param SIZED: bool // the device has subgroups of several sizes, and this shader asks for LANES / (WA·WB) lanes
#param COLS: int // columns of the right matrix
#param LANES: int // lanes of a workgroup; with TRANSPOSE_A a multiple of 4·WA·RA, so that a lane always copies the same rows of A
#param WA: int // subgroups along rows
#param WB: int // subgroups along columns
#param RA: int // matrices per subgroup along rows
#param RB: int // matrices per subgroup along columns
#param STRIP: int // matrices of a row that are stored at once, a divisor of RB
#param EVEN: bool // no tile reaches beyond the edges of y
#param TURN: bool // operands not stored along the inner dimension are transposed on the way, in 4×4 blocks, so that every tile is [outer][inner]
#import matmul/operand.wgsl
#import matmul/store.wgsl
#import matmul/steps.wgsl

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, ${COLS}, 16>;
alias Sums = subgroup_matrix_result<f32, ${COLS}, 16>;

#bind read_write sums?: array<f32> // (split-K, m): Σ over the inner dimension of A, with TRANSPOSE_A
#if bound(sums)
// Each lane sums the rows of A that it copies; SHARERS lanes share four rows.
const SHARERS = ${TURN ? DEPTH / 4 : LANES / (4 * WA * RA)}u;
var<workgroup> all_sums: array<vec4f, ${TURN ? DEPTH * WA * RA : LANES}>;
#endif

// Elements from one row of a tile to the next. A tile is [outer][inner] where its operand is stored that way or TURN is set, else [inner][outer].
const stride_a = ${(TRANSPOSE_A && !TURN ? 16 * WA * RA : DEPTH) + 8}u;
const stride_b = ${(TRANSPOSE_B || TURN ? DEPTH : COLS * WB * RB) + 8}u;
var<workgroup> tile_a: array<f16, ${TRANSPOSE_A && !TURN ? DEPTH * (16 * WA * RA + 8) : 16 * WA * RA * (DEPTH + 8)}>;
var<workgroup> tile_b: array<f16, ${TRANSPOSE_B || TURN ? COLS * WB * RB * (DEPTH + 8) : DEPTH * (COLS * WB * RB + 8)}>;

// Sixteen rows of sums, STRIP matrices wide, for each subgroup.
const stride_sums = ${COLS * STRIP + 8}u;
var<workgroup> strip: array<f32, ${WA * WB * 16 * (COLS * STRIP + 8)}>;

@compute @workgroup_size(${LANES})
#if SIZED
@subgroup_size(${LANES / (WA * WB)})
#endif
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_id) subgroup_id: u32,
) {
  // The remainder changes nothing, but it tells Dawn the range, so that no tile index is clamped.
  let subgroup = subgroup_id % ${WA * WB}u;
  let matrix = group.z; // a matrix of y, or a split
  let first_a = group.y * ${16 * WA * RA}u;
  let first_b = group.x * ${COLS * WB * RB}u;
  let row = subgroup / ${WB}u * ${16 * RA}u;
  let col = subgroup % ${WB}u * ${COLS * RB}u;
#for r in 0..RA
#for c in 0..RB
  var sum${r}_${c} = Sums();
#endfor
#endfor
#for o in a, b
  // This lane's share of a tile: quads along the inner dimension or across it, or 4×4 blocks.
#if o == b ? TRANSPOSE_B : !TRANSPOSE_A
#for t in 0..(o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 4 / LANES
  let outer_${o}${t} = (local + ${t * LANES}u) / ${DEPTH / 4}u;
  let inner_${o}${t} = local % ${DEPTH / 4}u * 4u;
#endfor
#elif TURN
#for t in 0..ceildiv((o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 16, LANES)
  // Where the number of blocks is not a multiple of the lanes, some lanes copy a block that another copies too.
  let block_${o}${t} = min(local + ${t * LANES}u, ${(o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 16 - 1}u);
  let outer_${o}${t} = block_${o}${t} / ${DEPTH / 4}u * 4u;
  let inner_${o}${t} = block_${o}${t} % ${DEPTH / 4}u * 4u;
#endfor
#else
#for t in 0..(o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 4 / LANES
  let outer_${o}${t} = (local + ${t * LANES}u) % ${(o == b ? COLS * WB * RB : 16 * WA * RA) / 4}u * 4u;
  let inner_${o}${t} = (local + ${t * LANES}u) / ${(o == b ? COLS * WB * RB : 16 * WA * RA) / 4}u;
#endfor
#endif
#endfor
#if NORMAL == a
#for t in 0..TURN ? ceildiv(WA * RA * DEPTH, LANES) : 1
  let rows${t} = four(first_a + outer_a${t});
#endfor
#elif NORMAL == b
#for t in 0..COLS * WB * RB * DEPTH / 4 / LANES
  let channel${t} = affine(first_b + outer_b${t});
#endfor
#endif
#if bound(sums)
#for t in 0..TURN ? ceildiv(WA * RA * DEPTH, LANES) : 1
  var lane_sums${t} = vec4f();
#endfor
#endif
#import matmul/split.wgsl
#for phase in first, each, last
#if phase == each
  for (var step = begin + 1u; step < end; step++) {
#else
  {
#if phase == first
    let step = begin;
#endif
#endif
#if phase != last
#if SUMMED > 1
    let s = step / STEPS;
    let inner = step % STEPS * ${DEPTH}u;
#else
    let s = ${SPLIT_K > 1 ? 0 : 1}u * matrix;
    let inner = step * ${DEPTH}u;
#endif
#if NORMAL == b
    let rows = four(inner + inner_b0);
#endif
#for o in a, b
#if TURN && (o == b ? !TRANSPOSE_B : TRANSPOSE_A)
#for t in 0..ceildiv((o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 16, LANES)
#for j in 0..4
#if NORMAL == o
    let next_${o}${t}_${j} = vec4h(normal(quad_${o}(s, first_${o} + outer_${o}${t}, inner + inner_${o}${t} + ${j}u), rows${t}, affine(inner + inner_${o}${t} + ${j}u)));
#else
    let next_${o}${t}_${j} = quad_${o}(s, first_${o} + outer_${o}${t}, inner + inner_${o}${t} + ${j}u);
#endif
#endfor
#endfor
#else
#for t in 0..(o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 4 / LANES
    let read_${o}${t} = quad_${o}(s, first_${o} + outer_${o}${t}, inner + inner_${o}${t});
#if NORMAL == o && o == a
    let next_${o}${t} = vec4h(normal(read_${o}${t}, rows0, affine(inner + inner_${o}${t})));
#elif NORMAL == o
    let next_${o}${t} = vec4h(normal(read_${o}${t}, rows, channel${t}));
#else
    let next_${o}${t} = read_${o}${t};
#endif
#endfor
#endif
#endfor
#endif
#if phase != first
#for k in 0..DEPTH / 16
#for r in 0..RA
#if TRANSPOSE_A && !TURN
      let a${k}_${r} = subgroupMatrixLoad<Left, col_major>(&tile_a, ${k * 16}u * stride_a + row + ${r * 16}u, stride_a);
#else
      let a${k}_${r} = subgroupMatrixLoad<Left, row_major>(&tile_a, (row + ${r * 16}u) * stride_a + ${k * 16}u, stride_a);
#endif
#endfor
#for c in 0..RB
#if TRANSPOSE_B || TURN
      let b${k}_${c} = subgroupMatrixLoad<Right, col_major>(&tile_b, (col + ${c * COLS}u) * stride_b + ${k * 16}u, stride_b);
#else
      let b${k}_${c} = subgroupMatrixLoad<Right, row_major>(&tile_b, ${k * 16}u * stride_b + col + ${c * COLS}u, stride_b);
#endif
#for r in 0..RA
      sum${r}_${c} = subgroupMatrixMultiplyAccumulate(a${k}_${r}, b${k}_${c}, sum${r}_${c});
#endfor
#endfor
#endfor
#endif
#if phase == each
    workgroupBarrier();
#endif
#if phase != last
#for o in a, b
#if TURN && (o == b ? !TRANSPOSE_B : TRANSPOSE_A)
#for t in 0..ceildiv((o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 16, LANES)
#for i in 0..4
    let at_${o}${t}_${i} = (outer_${o}${t} + ${i}u) * stride_${o} + inner_${o}${t};
#for j in 0..4
    tile_${o}[at_${o}${t}_${i} + ${j}u] = next_${o}${t}_${j}[${i}];
#endfor
#endfor
#if bound(sums) && o == a
    lane_sums${t} += vec4f(next_a${t}_0) + vec4f(next_a${t}_1) + (vec4f(next_a${t}_2) + vec4f(next_a${t}_3));
#endif
#endfor
#else
#for t in 0..(o == b ? COLS * WB * RB : 16 * WA * RA) * DEPTH / 4 / LANES
#if o == b ? TRANSPOSE_B : !TRANSPOSE_A
    let at_${o}${t} = outer_${o}${t} * stride_${o} + inner_${o}${t};
#else
    let at_${o}${t} = inner_${o}${t} * stride_${o} + outer_${o}${t};
#endif
#for i in 0..4
    tile_${o}[at_${o}${t} + ${i}u] = next_${o}${t}[${i}];
#endfor
#if bound(sums) && o == a
    lane_sums0 += vec4f(next_a${t});
#endif
#endfor
#endif
#endfor
    workgroupBarrier();
#endif
  }
#endfor
#import matmul/matrix-epilogue.wgsl
}
