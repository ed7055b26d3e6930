// dx = rstd (g − Σ g / c − x̂ Σ g x̂ / c), g = dy weight, x and dx maps (n, c, plane), dy maps or rows (n·plane, c); and for every
// 32 positions a part of dweight = Σ dy x̂ and dbias = Σ dy. A workgroup takes 32 positions. First it walks tiles of 32 channels
// of x̂ and dy in workgroup memory (10.5 KB in all), which lanes sum both along channels, for the positions, and along positions,
// for the parts; then it reads again, from the cache, and writes dx.
#param ROWS: int // positions
#param COLS: int // channels
#param PLANE: int // positions of one map
#param FROM_ROWS: bool // dy is (rows, c)

#bind read x: array<f32> // (n, c, plane)
#bind read weight: array<f32> // (c)
#bind read statistics: array<f32> // mean of each row, then rstd of each
#bind read dy: array<f32> // (n, c, plane) or (n·plane, c)
#bind read_write dx: array<f32> // (n, c, plane)
#bind read_write weight_parts: array<f32> // (ceil(ROWS/32), c)
#bind read_write bias_parts: array<f32> // (ceil(ROWS/32), c)

// [channel][position], 33 wide
var<workgroup> normalised: array<f32, 1056>;
var<workgroup> gradient: array<f32, 1056>;
var<workgroup> pairs: array<vec2f, 256>;

// Puts dy of the tile's channels into `gradient`, zero where there is none. Lanes run along what lies together in memory.
fn stage(local: u32, row0: u32, c0: u32, base: u32) {
  let inner = local % 32u;
  let outer = local / 32u;
#for i in 0..4
  {
#if FROM_ROWS
    let row = row0 + outer + ${i * 8}u;
    let channel = c0 + inner;
    let exists = row < ${ROWS}u && channel < ${COLS}u;
    gradient[inner * 33u + outer + ${i * 8}u] = select(0.0, load_dy(select(0u, row * ${COLS}u + channel, exists)), exists);
#else
    let channel = c0 + outer + ${i * 8}u;
    let exists = row0 + inner < ${ROWS}u && channel < ${COLS}u;
    gradient[(outer + ${i * 8}u) * 33u + inner] = select(0.0, load_dy(select(0u, base + channel * ${PLANE}u, exists)), exists);
#endif
  }
#endfor
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = group.x + group.y * groups.x;
  let row0 = part * 32u;
  let p = local % 32u;
  let g = local / 32u;
  let row = min(row0 + p, ${ROWS - 1}u);
  let base = row / ${PLANE}u * ${PLANE * COLS}u + row % ${PLANE}u;
  let m = load_statistics(row);
  let s = load_statistics(${ROWS}u + row);
  var sums = vec2f(); // Σ g, Σ g x̂ over the lane's channels
  for (var c0 = 0u; c0 < ${COLS}u; c0 += 32u) {
    stage(local, row0, c0, base);
#for i in 0..4
    normalised[(g + ${i * 8}u) * 33u + p] = (load_x(base + min(c0 + g + ${i * 8}u, ${COLS - 1}u) * ${PLANE}u) - m) * s;
#endfor
    workgroupBarrier();
    var columns = vec2f(); // Σ dy x̂, Σ dy over four of the positions, for channel c0 + p
#for i in 0..4
    {
      let d = gradient[(g + ${i * 8}u) * 33u + p] * load_weight(min(c0 + g + ${i * 8}u, ${COLS - 1}u));
      sums += vec2f(d, d * normalised[(g + ${i * 8}u) * 33u + p]);
      let t = gradient[p * 33u + g + ${i * 8}u];
      columns += vec2f(t * normalised[p * 33u + g + ${i * 8}u], t);
    }
#endfor
    pairs[local] = columns;
    workgroupBarrier();
    if (g == 0u && c0 + p < ${COLS}u && row0 < ${ROWS}u) {
#for i in 1..8
      columns += pairs[p + ${i * 32}u];
#endfor
      store_weight_parts(part * ${COLS}u + c0 + p, columns.x);
      store_bias_parts(part * ${COLS}u + c0 + p, columns.y);
    }
  }
  workgroupBarrier();
  pairs[local] = sums;
  workgroupBarrier();
  sums = vec2f();
#for i in 0..8
  sums += pairs[p + ${i * 32}u];
#endfor
  sums /= ${COLS}.0;
  for (var c0 = 0u; c0 < ${COLS}u; c0 += 32u) {
#if FROM_ROWS
    stage(local, row0, c0, base);
    workgroupBarrier();
#endif
#for i in 0..4
    {
      let channel = c0 + g + ${i * 8}u;
      if (channel < ${COLS}u && row0 + p < ${ROWS}u) {
        let at = base + channel * ${PLANE}u;
#if FROM_ROWS
        let d = gradient[(g + ${i * 8}u) * 33u + p] * load_weight(channel);
#else
        let d = load_dy(at) * load_weight(channel);
#endif
        store_dx(at, s * (d - sums.x - (load_x(at) - m) * s * sums.y));
      }
    }
#endfor
#if FROM_ROWS
    workgroupBarrier();
#endif
  }
}
