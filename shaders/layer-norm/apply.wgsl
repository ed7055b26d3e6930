// y = (x − mean) rstd weight + bias by given statistics, from maps (n, c, plane) to rows (n·plane, c). plane and c are multiples of
// four; one block of four positions by four channels per invocation.
#param ROWS: int // positions
#param COLS: int // channels
#param PLANE: int // positions of one map
#import common/flat.wgsl

#bind read x: array<vec4f> // (n, c, plane)
#bind read statistics: array<vec4f> // mean of each row, then rstd of each
#bind read weight: array<vec4f> // (c)
#bind read bias: array<vec4f> // (c)
#bind read_write y: array<vec4f> // (n·plane, c)

const QUADS = ${COLS / 4}u;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let block = flat_index(group, groups, local);
  if (block >= ${ROWS / 4 * (COLS / 4)}u) {
    return;
  }
  let q = block % QUADS;
  let row = block / QUADS * 4u;
  let base = ((row / ${PLANE}u * ${COLS}u + q * 4u) * ${PLANE}u + row % ${PLANE}u) / 4u;
  let m = load_statistics(row / 4u);
  let s = load_statistics((${ROWS}u + row) / 4u);
#for j in 0..4
  let n${j} = (load_x(base + ${j * PLANE / 4}u) - m) * s;
#endfor
#for i in 0..4
  store_y((row + ${i}u) * QUADS + q, fma(vec4f(n0[${i}], n1[${i}], n2[${i}], n3[${i}]), load_weight(q), load_bias(q)));
#endfor
}
