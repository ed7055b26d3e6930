// y = A B + bias, tiled: a workgroup of LX·LY lanes makes (4·RA·LY) × (4·RB·LX) elements of y, a lane RA·RB blocks of 4×4 in
// registers. Tiles of A and B, DEPTH deep, lie in workgroup memory with the inner dimension outermost, so that a lane reads
// its rows and columns as vec4. Operands stored along the inner dimension are transposed in registers on the way, in 4×4 blocks.
// DEPTH·RA/LX and DEPTH·RB/LY are multiples of 4, so that lanes copy equal shares.
// Workgroup memory: 16·DEPTH·(RA·LY + RB·LX) bytes, half of that with HALF; 16·LX·LY more with `sums`.
// Grid: tiles of columns, tiles of rows, matrices or splits.
#if HALF
enable f16;
#endif
#param HALF: bool // tiles hold f16; sums are f32 in any case
#param LX: int // lanes along columns
#param LY: int // lanes along rows
#param RA: int // blocks of four rows per lane
#param RB: int // blocks of four columns per lane
#param UNROLL: int // unrolled inner steps, a divisor of DEPTH
#import matmul/operand.wgsl
#import matmul/store.wgsl
#import matmul/steps.wgsl

#type Tile = HALF ? vec4h : vec4f

#bind read_write sums?: array<f32> // (split-K, m): Σ over the inner dimension of A, with TRANSPOSE_A
#if bound(sums)
// Each lane sums the rows of A that it copies; lanes that copy the same rows are blocks_a apart.
var<private> lane_sums: vec4f;
var<workgroup> all_sums: array<vec4f, ${LX * LY}>;
#endif

#for o in a, b
const blocks_${o} = ${o == b ? RB * LX : RA * LY}u;
var<workgroup> tile_${o}: array<Tile, ${DEPTH * (o == b ? RB * LX : RA * LY)}>; // [inner][outer / 4]

// Copies 4 outer × 4 inner elements of matrix s to block `slot` of the tile.
fn stage_${o}(slot: u32, s: u32, first: u32, inner: u32) {
#if o == b ? TRANSPOSE_B : !TRANSPOSE_A
  // Neighbouring lanes take neighbouring inner blocks, as memory holds them.
  let block = slot / ${DEPTH / 4}u;
  let depth = slot % ${DEPTH / 4}u * 4u;
#if NORMAL == o
  let rows = four(inner + depth);
#for i in 0..4
  let v${i} = normal(quad_${o}(s, first + block * 4u + ${i}u, inner + depth), rows, affine(first + block * 4u + ${i}u));
#endfor
#else
#for i in 0..4
  let v${i} = quad_${o}(s, first + block * 4u + ${i}u, inner + depth);
#endfor
#endif
#for j in 0..4
  tile_${o}[(depth + ${j}u) * blocks_${o} + block] = Tile(vec4f(v0[${j}], v1[${j}], v2[${j}], v3[${j}]));
#endfor
#else
  let block = slot % blocks_${o};
  let depth = slot / blocks_${o} * 4u;
#if NORMAL == o
  let rows = four(first + block * 4u);
#for j in 0..4
  let v${j} = normal(quad_${o}(s, first + block * 4u, inner + depth + ${j}u), rows, affine(inner + depth + ${j}u));
#endfor
#else
#for j in 0..4
  let v${j} = quad_${o}(s, first + block * 4u, inner + depth + ${j}u);
#endfor
#endif
#if bound(sums) && o == a
  lane_sums += (v0 + v1) + (v2 + v3);
#endif
#for j in 0..4
  tile_${o}[(depth + ${j}u) * blocks_${o} + block] = Tile(v${j});
#endfor
#endif
}
#endfor

@compute @workgroup_size(${LX}, ${LY})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let matrix = group.z; // a matrix of y, or a split
  let first_a = group.y * ${4 * RA * LY}u;
  let first_b = group.x * ${4 * RB * LX}u;
#for i in 0..RA * 4
#for j in 0..RB
  var sum${i}_${j} = vec4f();
#endfor
#endfor
#import matmul/split.wgsl
  for (var step = begin; step < end; step++) {
#if SUMMED > 1
    let s = step / STEPS;
    let inner = step % STEPS * ${DEPTH}u;
#else
    let s = ${SPLIT_K > 1 ? 0 : 1}u * matrix;
    let inner = step * ${DEPTH}u;
#endif
#for o in a, b
#for t in 0..DEPTH / 4 * (o == b ? RB * LX : RA * LY) / (LX * LY)
    stage_${o}(local + ${t * LX * LY}u, s, first_${o}, inner);
#endfor
#endfor
    workgroupBarrier();
    // The loop counts by one between constants, so that Dawn knows the range of every tile index and clamps none.
    for (var turn = 0u; turn < ${DEPTH / UNROLL}u; turn++) {
      let at_a = turn * ${UNROLL}u * blocks_a + lane.y;
      let at_b = turn * ${UNROLL}u * blocks_b + lane.x;
#for k in 0..UNROLL
      {
#for r in 0..RA
        let a${r} = vec4f(tile_a[at_a + ${k * RA * LY + r * LY}u]);
#endfor
#for r in 0..RB
        let b${r} = vec4f(tile_b[at_b + ${k * RB * LX + r * LX}u]);
#endfor
#for r in 0..RA
#for i in 0..4
#for j in 0..RB
        sum${r * 4 + i}_${j} = fma(vec4f(a${r}[${i}]), b${j}, sum${r * 4 + i}_${j});
#endfor
#endfor
#endfor
      }
#endfor
    }
    workgroupBarrier();
  }
#if bound(sums)
  all_sums[local] = lane_sums;
  workgroupBarrier();
  if (group.x == 0u && local < blocks_a) {
    var total = all_sums[local];
#for i in 1..LX * LY / (RA * LY)
    total += all_sums[local + ${i}u * blocks_a];
#endfor
#for i in 0..4
    if (first_a + local * 4u + ${i}u < ${M}u) {
      let at = matrix * ${M}u + first_a + local * 4u + ${i}u;
      accumulate_sums(at, total[${i}]);
    }
#endfor
  }
#endif
#if QUADS
#for r in 0..RA
#for j in 0..RB
  store_quad(first_a + (lane.y + ${r * LY}u) * 4u, first_b + (lane.x + ${j * LX}u) * 4u, array(
#for i in 0..4
    sum${r * 4 + i}_${j},
#endfor
  ));
#endfor
#endfor
#else
#for r in 0..RA
#for i in 0..4
#for j in 0..RB
  store(matrix, first_a + (lane.y + ${r * LY}u) * 4u + ${i}u, first_b + (lane.x + ${j * LX}u) * 4u, sum${r * 4 + i}_${j});
#endfor
#endfor
#endfor
#endif
}
