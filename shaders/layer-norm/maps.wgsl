// y = (x − mean) rstd weight + bias over the channels of maps (n, c, plane); y in the same layout or as rows (n·plane, c).
// A workgroup takes 32 positions, counted through all images: lane p of 32 a position, lane group g of 8 a share of the
// channels, so that reads of maps coalesce along positions. Mean and variance come from one reading (Welford's update by
// fours, then the pairwise rule of Chan et al. over the groups); the second reading, for y, comes from the cache. Rows are
// written through tiles of 32 channels in workgroup memory (4.2 KB).
#param ROWS: int // positions
#param COLS: int // channels
#param PLANE: int // positions of one map
#param TO_ROWS: bool // y is (rows, c)
#param EPS: f32 // added to the variance

#bind read x: array<f32> // (n, c, plane)
#bind read weight: array<f32> // (c)
#bind read bias: array<f32> // (c)
#bind read_write y: array<f32> // (n, c, plane) or (n·plane, c)
#bind read_write statistics: array<f32> // mean of each row, then rstd of each

// mean and Σ (x − mean)² of each lane's channels
var<workgroup> moments: array<vec2f, 256>;
#if TO_ROWS
var<workgroup> tile: array<f32, 1056>; // [channel][position], 33 wide
#endif

const SHARE = ${ceildiv(COLS, 8)}u;

fn share_begin(g: u32) -> u32 {
  return min(g * SHARE, ${COLS}u);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row0 = (group.x + group.y * groups.x) * 32u;
  let p = local % 32u;
  let g = local / 32u;
  let row = min(row0 + p, ${ROWS - 1}u);
  let base = row / ${PLANE}u * ${PLANE * COLS}u + row % ${PLANE}u;

  var own = vec2f();
  let begin = share_begin(g);
  let end = share_begin(g + 1u);
  var c = begin;
  for (; c + 4u <= end; c += 4u) {
    let four = vec4f(
#for i in 0..4
      load_x(base + (c + ${i}u) * ${PLANE}u),
#endfor
    );
    let m = dot(four, vec4f(0.25));
    let d = four - m;
    let shift = m - own.x;
    let before = f32(c - begin);
    own += vec2f(shift * 4.0 / (before + 4.0), dot(d, d) + shift * shift * before * 4.0 / (before + 4.0));
  }
  for (; c < end; c++) {
    let shift = load_x(base + c * ${PLANE}u) - own.x;
    let before = f32(c - begin);
    own += vec2f(shift / (before + 1.0), shift * shift * before / (before + 1.0));
  }
  moments[local] = own;
  workgroupBarrier();
  var m = 0.0;
#for i in 0..8
  m += moments[p + ${i * 32}u].x * f32(share_begin(${i + 1}u) - share_begin(${i}u));
#endfor
  m /= ${COLS}.0;
  var square = 0.0;
#for i in 0..8
  {
    let part = moments[p + ${i * 32}u];
    square += part.y + (part.x - m) * (part.x - m) * f32(share_begin(${i + 1}u) - share_begin(${i}u));
  }
#endfor
  let s = 1.0 / sqrt(square / ${COLS}.0 + ${EPS});
  if (g == 0u && row0 + p < ${ROWS}u) {
    store_statistics(row, m);
    store_statistics(${ROWS}u + row, s);
  }
  for (var c0 = 0u; c0 < ${COLS}u; c0 += 32u) {
#if TO_ROWS
#for i in 0..4
    if (c0 + g + ${i * 8}u < ${COLS}u) {
      tile[(g + ${i * 8}u) * 33u + p] = (load_x(base + (c0 + g + ${i * 8}u) * ${PLANE}u) - m) * s;
    }
#endfor
    workgroupBarrier();
    // Lanes now run along channels.
    if (c0 + p < ${COLS}u) {
      let w = load_weight(c0 + p);
      let b = load_bias(c0 + p);
#for i in 0..4
      if (row0 + g + ${i * 8}u < ${ROWS}u) {
        store_y((row0 + g + ${i * 8}u) * ${COLS}u + c0 + p, fma(tile[p * 33u + g + ${i * 8}u], w, b));
      }
#endfor
    }
    workgroupBarrier();
#else
#for i in 0..4
    {
      let channel = c0 + g + ${i * 8}u;
      if (channel < ${COLS}u && row0 + p < ${ROWS}u) {
        let at = base + channel * ${PLANE}u;
        store_y(at, fma((load_x(at) - m) * s, load_weight(channel), load_bias(channel)));
      }
    }
#endfor
#endif
  }
}
