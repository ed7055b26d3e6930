// y = (x − mean) rstd weight + bias, x and y (rows, c). 64/LANES rows per workgroup. A row is read once into the registers of its
// lanes, and its variance is computed about its mean.
#if SHUFFLE
enable subgroups;
#endif
#param ROWS: int // rows
#param EPS: f32 // added to the variance
#import layer-norm/item.wgsl

#bind read x: array<Item> // (rows, c)
#bind read weight: array<Item> // (c)
#bind read bias: array<Item> // (c)
#bind read_write y: array<Item> // (rows, c)
#bind read_write statistics: array<f32> // mean of each row, then rstd of each

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let row = (group.x + group.y * groups.x) * ${64 / LANES}u + local / ${LANES}u;
  let lane = local % ${LANES}u;
  let first = min(row, ${ROWS - 1}u) * ROW_ITEMS;
  var sum = Item();
#for i in 0..ITEMS
#if (COLS % 4 == 0 ? COLS / 4 : COLS) % LANES == 0
  let at${i} = lane + ${i * LANES}u;
  let inside${i} = true;
#else
  let at${i} = min(lane + ${i * LANES}u, ROW_ITEMS - 1u);
  let inside${i} = lane + ${i * LANES}u < ROW_ITEMS;
#endif
  let x${i} = load_x(first + at${i});
  sum += select(Item(), x${i}, inside${i});
#endfor
  let m = row_sum(local, total(sum)) / ${COLS}.0;
  var square = Item();
#for i in 0..ITEMS
  let d${i} = x${i} - m;
  square += select(Item(), d${i} * d${i}, inside${i});
#endfor
  let s = 1.0 / sqrt(row_sum(local, total(square)) / ${COLS}.0 + ${EPS});
  if (row >= ${ROWS}u) {
    return;
  }
#for i in 0..ITEMS
  if (inside${i}) {
    store_y(first + at${i}, fma(d${i} * s, load_weight(at${i}), load_bias(at${i})));
  }
#endfor
  if (lane == 0u) {
    store_statistics(row, m);
    store_statistics(${ROWS}u + row, s);
  }
}
