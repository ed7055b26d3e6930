// dx, and parts of dweight and dbias for every 32 positions, as maps-gradient.wgsl, where plane and c are multiples of four.
// Lanes and blocks are those of quads.wgsl, with LANES_C lanes along channels. Workgroup memory: 512·LANES_C bytes, for sums over the
// lanes that share channels or positions.
#param ROWS: int // positions
#param COLS: int // channels
#param PLANE: int // positions of one map
#param LANES_C: int // lanes along channels
#param FROM_ROWS: bool // dy is (rows, c)

#bind read x: array<vec4f> // (n, c, plane)
#bind read weight: array<vec4f> // (c)
#bind read statistics: array<vec4f> // mean of each row, then rstd of each
#bind read dy: array<vec4f> // (n, c, plane) or (n·plane, c)
#bind read_write dx: array<vec4f> // (n, c, plane)
#bind read_write weight_parts: array<vec4f> // (ceil(ROWS/32), c)
#bind read_write bias_parts: array<vec4f> // (ceil(ROWS/32), c)

const QUADS = ${COLS / 4}u;

// Double-buffered, so that one barrier per turn is enough.
var<workgroup> first: array<vec4f, ${16 * LANES_C}>;
var<workgroup> second: array<vec4f, ${16 * LANES_C}>;

// Σ over the four components of each of four vectors.
fn totals(a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> vec4f {
  let one = vec4f(1.0);
  return vec4f(dot(a, one), dot(b, one), dot(c, one), dot(d, one));
}

@compute @workgroup_size(8, ${LANES_C})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let part = group.x + group.y * groups.x;
  let wanted = part * 32u + local.x * 4u;
  let row = min(wanted, ${ROWS - 4}u);
  let base = (row / ${PLANE}u * ${PLANE * COLS}u + row % ${PLANE}u) / 4u;
  let m = load_statistics(row / 4u);
  let s = load_statistics((${ROWS}u + row) / 4u);
  var sum = vec4f(); // Σ g over the lane's channels, four positions
  var dotted = vec4f(); // Σ g x̂
  for (var turn = 0u; turn < ${ceildiv(COLS, 4 * LANES_C)}u; turn++) {
    let wanted_quad = turn * ${LANES_C}u + local.y;
    let q = min(wanted_quad, QUADS - 1u);
    let exists = wanted < ${ROWS}u && wanted_quad < QUADS;
    let w = load_weight(q);
#if FROM_ROWS
#for i in 0..4
    let r${i} = load_dy((row + ${i}u) * QUADS + q);
#endfor
#endif
#for j in 0..4
#if FROM_ROWS
    let d${j} = select(vec4f(), vec4f(r0[${j}], r1[${j}], r2[${j}], r3[${j}]), exists);
#else
    let d${j} = select(vec4f(), load_dy(base + q * ${PLANE}u + ${j * PLANE / 4}u), exists);
#endif
    let dn${j} = d${j} * ((load_x(base + q * ${PLANE}u + ${j * PLANE / 4}u) - m) * s);
    sum = fma(d${j}, vec4f(w[${j}]), sum);
    dotted = fma(dn${j}, vec4f(w[${j}]), dotted);
#endfor
    let bank = turn % 2u * ${8 * LANES_C}u;
    first[bank + local.y * 8u + local.x] = totals(dn0, dn1, dn2, dn3);
    second[bank + local.y * 8u + local.x] = totals(d0, d1, d2, d3);
    workgroupBarrier();
    // One lane of eight sums dweight, another dbias.
    if (local.x < 2u && wanted_quad < QUADS && part * 32u < ${ROWS}u) {
      var column = vec4f();
      for (var p = 0u; p < 8u; p++) {
        column += select(second[bank + local.y * 8u + p], first[bank + local.y * 8u + p], local.x == 0u);
      }
      if (local.x == 0u) {
        store_weight_parts(part * QUADS + q, column);
      } else {
        store_bias_parts(part * QUADS + q, column);
      }
    }
  }
  workgroupBarrier();
  first[local.y * 8u + local.x] = sum;
  second[local.y * 8u + local.x] = dotted;
  workgroupBarrier();
  sum = vec4f();
  dotted = vec4f();
#for g in 0..LANES_C
  sum += first[${g * 8}u + local.x];
  dotted += second[${g * 8}u + local.x];
#endfor
  sum /= ${COLS}.0;
  dotted /= ${COLS}.0;
  if (wanted >= ${ROWS}u) {
    return;
  }
  for (var q = local.y; q < QUADS; q += ${LANES_C}u) {
    let w = load_weight(q);
#if FROM_ROWS
#for i in 0..4
    let r${i} = load_dy((row + ${i}u) * QUADS + q);
#endfor
#endif
#for j in 0..4
    {
      let at = base + q * ${PLANE}u + ${j * PLANE / 4}u;
#if FROM_ROWS
      let g = vec4f(r0[${j}], r1[${j}], r2[${j}], r3[${j}]) * w[${j}];
#else
      let g = load_dy(at) * w[${j}];
#endif
      store_dx(at, s * (g - sum - (load_x(at) - m) * s * dotted));
    }
#endfor
  }
}
