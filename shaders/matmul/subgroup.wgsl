// y = A B + bias, for adapters that run a subgroup as one vector of a CPU (lavapipe, SwiftShader). There a load inside a loop costs a
// scalar load and a bounds check per lane, tens of cycles, whether its addresses differ or not; a broadcast costs one instruction. So
// all lanes of a workgroup make the same ROWS rows, each lane four columns, and four lanes load the elements of A that all lanes need
// and broadcast them. There is no workgroup memory and no barrier: a barrier would save and restore all sums. Needs `subgroups`, of at
// least four lanes. Only A can be normalised as it is read. Grid: tiles of columns, tiles of rows, matrices.
enable subgroups;
#param SUMMED: int // matrices summed into each of y
#param LANES: int // invocations per workgroup
#param ROWS: int // rows per workgroup, a multiple of 4
#import matmul/operand.wgsl
#import matmul/store.wgsl

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row0 = group.y * ${ROWS}u;
  let col = (group.x * ${LANES}u + local) * 4u;
  let quarter = lane % 4u;
#for i in 0..ROWS
  var sum${i} = vec4f();
#endfor
#if NORMAL == a
#for r in 0..ROWS / 4
  let rows${r} = four(row0 + ${r * 4}u);
#endfor
#endif
#if SUMMED > 1
  for (var s = 0u; s < ${SUMMED}u; s++) {
#else
  {
    let s = group.z;
#endif
    for (var inner = 0u; inner < ${K}u; inner += 4u) {
      // b_k: columns col … col+3 at inner + k
#if TRANSPOSE_B
#for j in 0..4
      let v${j} = quad_b(s, col + ${j}u, inner);
#endfor
#for k in 0..4
      let b${k} = vec4f(v0[${k}], v1[${k}], v2[${k}], v3[${k}]);
#endfor
#else
#for k in 0..4
      let b${k} = quad_b(s, col, inner + ${k}u);
#endfor
#endif
#if NORMAL == a
      let channel = affine(inner + quarter);
#endif
#for r in 0..ROWS / 4
      // Four lanes hold a 4×4 block of A: a row each, or an inner element each.
#if NORMAL == a
      let a${r} = normal(quad_a(s, row0 + ${r * 4}u, inner + quarter), rows${r}, channel);
#elif TRANSPOSE_A
      let a${r} = quad_a(s, row0 + ${r * 4}u, inner + quarter);
#endif
#if TRANSPOSE_A
#for i in 0..4
#for k in 0..4
      sum${r * 4 + i} = fma(vec4f(subgroupBroadcast(a${r}[${i}], ${k}u)), b${k}, sum${r * 4 + i});
#endfor
#endfor
#else
      let a${r} = quad_a(s, row0 + ${r * 4}u + quarter, inner);
#for i in 0..4
#for k in 0..4
      sum${r * 4 + i} = fma(vec4f(subgroupBroadcast(a${r}[${k}], ${i}u)), b${k}, sum${r * 4 + i});
#endfor
#endfor
#endif
#endfor
    }
  }
  // A loop whose bound compilers do not know: unrolled, the epilogue would take a CPU's compiler longer than the matmul.
  var sums = array<vec4f, ${ROWS}>(
#for i in 0..ROWS
    sum${i},
#endfor
  );
  let end = min(${ROWS}u, ${M}u - row0);
  for (var i = 0u; i < end; i++) {
    store(group.z, row0 + i, col, sums[i]);
  }
}
