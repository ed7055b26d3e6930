// dweight = Σ_rows dy x̂, dbias = Σ_rows dy; one channel an invocation.
#param ROWS positions
#param ADD_WEIGHT 1 to add to dweight
#param ADD_BIAS 1 to add to dbias
#import common/flat.wgsl
#import layer-norm/plain-layout.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> statistics: array<f32>; // mean of each row, then rstd of each
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(4) var<storage, read_write> dbias: array<f32>;

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c >= ${COLS}u) {
    return;
  }
#if ADD_WEIGHT
  var scaled = dweight[c];
#else
  var scaled = 0.0;
#endif
#if ADD_BIAS
  var sum = dbias[c];
#else
  var sum = 0.0;
#endif
  for (var row = 0u; row < ${ROWS}u; row++) {
    let d = dy[y_index(row, c)];
    scaled = fma(d, (x[x_index(row, c)] - statistics[row]) * statistics[${ROWS}u + row], scaled);
    sum += d;
  }
  dweight[c] = scaled;
  dbias[c] = sum;
}
