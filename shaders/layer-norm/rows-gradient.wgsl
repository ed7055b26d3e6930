// dx = rstd (g − Σ g / c − x̂ Σ g x̂ / c), g = dy weight, and parts of dweight = Σ_rows dy x̂ and dbias = Σ_rows dy, all (rows, c).
// A workgroup takes 64/LANES rows at a time, RUN times. Each lane sums its own columns over its rows, so the data are read once.
// Workgroup memory: 4·c·64/LANES bytes.
#if SHUFFLE
enable subgroups;
#endif
#param ROWS: int // rows
#param RUN: int // turns of a workgroup
#param PARTS: int // workgroups
#import layer-norm/item.wgsl

#bind read x: array<Item> // (rows, c)
#bind read weight: array<Item> // (c)
#bind read statistics: array<f32> // mean of each row, then rstd of each
#bind read dy: array<Item> // (rows, c)
#bind read_write dx: array<Item> // (rows, c)
#bind read_write weight_parts: array<Item> // (PARTS, c)
#bind read_write bias_parts: array<Item> // (PARTS, c)

var<workgroup> columns: array<Item, ${64 / LANES * (COLS % 4 == 0 ? COLS / 4 : COLS)}>; // [row of a turn][column]

fn column_sum(c: u32) -> Item {
  var sum = columns[c];
  for (var r = 1u; r < ${64 / LANES}u; r++) {
    sum += columns[r * ROW_ITEMS + c];
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let part = group.x + group.y * groups.x;
  let turn_row = local / ${LANES}u;
  let lane = local % ${LANES}u;
#for i in 0..ITEMS
#if (COLS % 4 == 0 ? COLS / 4 : COLS) % LANES == 0
  let at${i} = lane + ${i * LANES}u;
  let inside${i} = true;
#else
  let at${i} = min(lane + ${i * LANES}u, ROW_ITEMS - 1u);
  let inside${i} = lane + ${i * LANES}u < ROW_ITEMS;
#endif
  let w${i} = load_weight(at${i});
  var dweight${i} = Item();
  var dbias${i} = Item();
#endfor
  for (var turn = 0u; turn < ${RUN}u; turn++) {
    let row = (part * ${RUN}u + turn) * ${64 / LANES}u + turn_row;
    let exists = row < ${ROWS}u;
    let safe = min(row, ${ROWS - 1}u);
    let m = load_statistics(safe);
    let s = load_statistics(${ROWS}u + safe);
    var sum = Item();
    var dot = Item();
#for i in 0..ITEMS
    let d${i} = select(Item(), load_dy(safe * ROW_ITEMS + at${i}), exists && inside${i});
    let n${i} = (load_x(safe * ROW_ITEMS + at${i}) - m) * s;
    let dn${i} = d${i} * n${i};
    dweight${i} += dn${i};
    dbias${i} += d${i};
    sum = fma(d${i}, w${i}, sum);
    dot = fma(dn${i}, w${i}, dot);
#endfor
    let mean_g = row_sum(local, total(sum)) / ${COLS}.0;
    let mean_gn = row_sum(local, total(dot)) / ${COLS}.0;
    if (exists) {
#for i in 0..ITEMS
      if (inside${i}) {
        store_dx(safe * ROW_ITEMS + at${i}, s * (d${i} * w${i} - mean_g - n${i} * mean_gn));
      }
#endfor
    }
  }
#for i in 0..ITEMS
  if (inside${i}) {
    columns[turn_row * ROW_ITEMS + at${i}] = dweight${i};
  }
#endfor
  workgroupBarrier();
  for (var c = local; c < ROW_ITEMS && part < ${PARTS}u; c += 64u) {
    store_weight_parts(part * ROW_ITEMS + c, column_sum(c));
  }
  workgroupBarrier();
#for i in 0..ITEMS
  if (inside${i}) {
    columns[turn_row * ROW_ITEMS + at${i}] = dbias${i};
  }
#endfor
  workgroupBarrier();
  for (var c = local; c < ROW_ITEMS && part < ${PARTS}u; c += 64u) {
    store_bias_parts(part * ROW_ITEMS + c, column_sum(c));
  }
}
