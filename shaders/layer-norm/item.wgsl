// Rows of channels, read as vec4 if their number is a multiple of four, else element by element. Each lane of a row holds ITEMS of
// them, LANES apart, so that neighbouring lanes read neighbouring memory.
#param COLS: int // channels
#param LANES: int // lanes per row
#param ITEMS: int // items per lane
#param SHUFFLE: bool // lanes of a row, at most four, share a subgroup

#type Item = COLS % 4 == 0 ? vec4f : f32
#if COLS % 4 == 0
const ROW_ITEMS = ${COLS / 4}u;
fn total(item: Item) -> f32 {
  return (item.x + item.y) + (item.z + item.w);
}
#else
const ROW_ITEMS = ${COLS}u;
fn total(item: Item) -> f32 {
  return item;
}
#endif

#if SHUFFLE
fn row_sum(local: u32, value: f32) -> f32 {
  var sum = value;
#if LANES >= 2
  sum += subgroupShuffleXor(sum, 1u);
#endif
#if LANES >= 4
  sum += subgroupShuffleXor(sum, 2u);
#endif
  return sum;
}
#else
var<workgroup> sums: array<f32, 64>;

// Σ over the lanes of a row; every lane gets it. `value` counts once a lane.
fn row_sum(local: u32, value: f32) -> f32 {
  sums[local] = value;
  workgroupBarrier();
  let first = local / ${LANES}u * ${LANES}u;
  var sum = 0.0;
#for i in 0..LANES
  sum += sums[first + ${i}u];
#endfor
  workgroupBarrier();
  return sum;
}
#endif
