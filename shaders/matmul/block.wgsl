// y = A B + bias, tiled and double-buffered for GPUs. As in tile.wgsl, but the next tiles of A and B are fetched into registers while
// the current ones are multiplied, and workgroup memory holds two of each, so a step has one barrier and waits for no load. Lanes copy
// one vec4 at a time, which allows large tiles of little depth.
// A workgroup of LX·LY lanes makes (4·RA·LY) × (4·RB·LX) elements of y, a lane RA·RB blocks of 4×4. Eight lanes along columns by four
// along rows form a subgroup of 32, so that it reads few different addresses.
// LX divides DEPTH·RA and LY divides DEPTH·RB, so that lanes copy equal shares.
// Workgroup memory: 32·DEPTH·(RA·LY + RB·LX) bytes, half of that with HALF; 16·LX·LY more with `sums`.
// Grid: tiles of columns, tiles of rows, matrices or splits.
#if HALF
enable f16;
#endif
#param HALF: bool // tiles hold f16; sums are f32 in any case
#param LX: int // lanes along columns, a multiple of 8
#param LY: int // lanes along rows, a multiple of 4
#param RA: int // blocks of four rows per lane
#param RB: int // blocks of four columns per lane
#import matmul/operand.wgsl
#import matmul/store.wgsl
#import matmul/steps.wgsl

#type Tile = HALF ? vec4h : vec4f
#type Item = HALF ? f16 : f32

#bind read_write sums?: array<f32> // (split-K, m): Σ over the inner dimension of A, with TRANSPOSE_A
#if bound(sums)
// Each lane sums the rows of A that it copies; lanes that copy the same rows are blocks_a apart.
var<private> lane_sums: vec4f;
var<workgroup> all_sums: array<vec4f, ${LX * LY}>;
#endif

#for o in a, b
const blocks_${o} = ${o == b ? RB * LX : RA * LY}u;
var<workgroup> tile_${o}: array<array<array<Tile, ${o == b ? RB * LX : RA * LY}>, ${DEPTH}>, 2>; // [turn][inner][outer / 4]

#if NORMAL == o
// Values as fetched. They are normalised after the multiply-adds, so that nothing waits for the loads before.
struct Fetched {
  value: vec4f,
  rows: Four,
  channel: vec2f,
}
alias Fetched_${o} = Fetched;
#else
alias Fetched_${o} = vec4f;
#endif

#if o == b ? TRANSPOSE_B : !TRANSPOSE_A
// One outer element and four inner ones of matrix s. Neighbouring lanes take neighbouring inner elements, as memory holds them.
fn fetch_${o}(slot: u32, s: u32, first: u32, inner: u32) -> Fetched_${o} {
  let outer = first + slot / ${DEPTH / 4}u;
  let depth = inner + slot % ${DEPTH / 4}u * 4u;
#if NORMAL == o
  return Fetched(raw_${o}(s, outer, depth), four(depth), affine(outer));
#else
  return raw_${o}(s, outer, depth);
#endif
}

fn put_${o}(slot: u32, turn: u32, inner: u32, fetched: Fetched_${o}, counts: bool) {
  let outer = slot / ${DEPTH / 4}u;
  let depth = slot % ${DEPTH / 4}u * 4u;
#if NORMAL == o
  let value = normal(fetched.value, fetched.rows, fetched.channel);
#elif o == a && K % DEPTH != 0
  let value = inside_a(fetched, inner + depth);
#else
  let value = fetched;
#endif
#for j in 0..4
  tile_${o}[turn][depth + ${j}u][outer / 4u][outer % 4u] = Item(value[${j}]);
#endfor
}
#else
// Four outer elements, one inner one.
fn fetch_${o}(slot: u32, s: u32, first: u32, inner: u32) -> Fetched_${o} {
  let outer = first + slot % blocks_${o} * 4u;
  let depth = inner + slot / blocks_${o};
#if NORMAL == o
  return Fetched(raw_${o}(s, outer, depth), four(outer), affine(depth));
#else
  return raw_${o}(s, outer, depth);
#endif
}

fn put_${o}(slot: u32, turn: u32, inner: u32, fetched: Fetched_${o}, counts: bool) {
  let depth = slot / blocks_${o};
#if NORMAL == o
  let value = normal(fetched.value, fetched.rows, fetched.channel);
#elif o == a && K % DEPTH != 0
  let value = inside_a(fetched, inner + depth);
#else
  let value = fetched;
#endif
#if bound(sums) && o == a
  lane_sums += select(vec4f(), value, counts);
#endif
  tile_${o}[turn][depth][slot % blocks_${o}] = Tile(value);
}
#endif
#endfor

@compute @workgroup_size(${LX * LY})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let lane_x = local % 8u + local / 32u % ${LX / 8}u * 8u;
  let lane_y = local / 8u % 4u + local / ${32 * (LX / 8)}u * 4u;
  let matrix = group.z; // a matrix of y, or a split
  let first_a = group.y * ${4 * RA * LY}u;
  let first_b = group.x * ${4 * RB * LX}u;
#for i in 0..RA * 4
#for j in 0..RB
  var sum${i}_${j} = vec4f();
#endfor
#endfor
#import matmul/split.wgsl
#if SUMMED > 1
  let s_begin = begin / STEPS;
  let inner_begin = begin % STEPS * ${DEPTH}u;
#else
  let s_begin = ${SPLIT_K > 1 ? 0 : 1}u * matrix;
  let inner_begin = begin * ${DEPTH}u;
#endif
#for o in a, b
#for t in 0..DEPTH * (o == b ? RB : RA) / (o == b ? LY : LX)
  let begin_${o}${t} = fetch_${o}(local + ${t * LX * LY}u, s_begin, first_${o}, inner_begin);
#endfor
#endfor
#for o in a, b
#for t in 0..DEPTH * (o == b ? RB : RA) / (o == b ? LY : LX)
  put_${o}(local + ${t * LX * LY}u, 0u, inner_begin, begin_${o}${t}, true);
#endfor
#endfor
  workgroupBarrier();
  for (var step = begin; step < end; step++) {
    // Past the last step this fetches values that nobody uses. A branch would let compilers move the loads behind the multiply-adds.
    let next = step + 1u;
#if SUMMED > 1
    let s_next = next / STEPS;
    let inner_next = next % STEPS * ${DEPTH}u;
#else
    let s_next = ${SPLIT_K > 1 ? 0 : 1}u * matrix;
    let inner_next = next * ${DEPTH}u;
#endif
#for o in a, b
#for t in 0..DEPTH * (o == b ? RB : RA) / (o == b ? LY : LX)
    let next_${o}${t} = fetch_${o}(local + ${t * LX * LY}u, s_next, first_${o}, inner_next);
#endfor
#endfor
    let turn = (step - begin) & 1u;
#for k in 0..DEPTH
    {
#for r in 0..RA
      let a${r} = vec4f(tile_a[turn][${k}][lane_y + ${r * LY}u]);
#endfor
#for r in 0..RB
      let b${r} = vec4f(tile_b[turn][${k}][lane_x + ${r * LX}u]);
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
#for o in a, b
#for t in 0..DEPTH * (o == b ? RB : RA) / (o == b ? LY : LX)
    put_${o}(local + ${t * LX * LY}u, 1u - turn, inner_next, next_${o}${t}, next < end);
#endfor
#endfor
    workgroupBarrier();
  }
#if bound(sums)
  all_sums[local] = lane_sums;
  workgroupBarrier();
  if (group.x == 0u && local < blocks_a) {
    var total = all_sums[local];
#for i in 1..LX / RA
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
  store_quad(first_a + (lane_y + ${r * LY}u) * 4u, first_b + (lane_x + ${j * LX}u) * 4u, array(
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
  store(matrix, first_a + (lane_y + ${r * LY}u) * 4u + ${i}u, first_b + (lane_x + ${j * LX}u) * 4u, sum${r * 4 + i}_${j});
#endfor
#endfor
#endfor
#endif
}
