// dweight = Σ_rows dy x̂, dbias = Σ_rows dy; one channel per invocation.
#param ROWS: int // positions
#import common/flat.wgsl
#import layer-norm/processor-layout.wgsl

#bind read x: array<f32> // (rows, c) or (n, c, plane)
#bind read statistics: array<f32> // mean of each row, then rstd of each
#bind read dy: array<f32> // (rows, c) or (n, c, plane)
#bind read_write dweight: array<f32> // (c)
#bind read_write dbias: array<f32> // (c)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let c = flat_index(group, groups, local);
  if (c >= ${COLS}u) {
    return;
  }
#if accumulates(dweight)
  var scaled = load_dweight(c);
#else
  var scaled = 0.0;
#endif
#if accumulates(dbias)
  var sum = load_dbias(c);
#else
  var sum = 0.0;
#endif
  for (var row = 0u; row < ${ROWS}u; row++) {
    let d = load_dy(y_index(row, c));
    scaled = fma(d, (load_x(x_index(row, c)) - load_statistics(row)) * load_statistics(${ROWS}u + row), scaled);
    sum += d;
  }
  store_dweight(c, scaled);
  store_dbias(c, sum);
}
