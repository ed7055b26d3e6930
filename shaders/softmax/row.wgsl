// Rows of COLS columns, each shared by LANES neighbours of a workgroup, which add up in a tree of fixed order.
#param ROWS: int // rows
#param COLS: int // columns
#param LANES: int // invocations that share a row, a power of two
#import common/flat.wgsl

#if LANES > 1
var<workgroup> cells: array<f32, ${WORKGROUP}>;
#endif

// Σ of a row's lanes; every invocation must call it.
fn row_sum(value: f32, local: u32) -> f32 {
#if LANES > 1
  workgroupBarrier();
  cells[local] = value;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local % ${LANES}u < half) {
      cells[local] += cells[local + half];
    }
  }
  workgroupBarrier();
  return cells[local / ${LANES}u * ${LANES}u];
#else
  return value;
#endif
}

fn row_max(value: f32, local: u32) -> f32 {
#if LANES > 1
  workgroupBarrier();
  cells[local] = value;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local % ${LANES}u < half) {
      cells[local] = max(cells[local], cells[local + half]);
    }
  }
  workgroupBarrier();
  return cells[local / ${LANES}u * ${LANES}u];
#else
  return value;
#endif
}
