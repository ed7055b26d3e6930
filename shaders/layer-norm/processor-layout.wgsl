// Where element (row, channel) lies: (rows, c), or (n, c, plane) with rows = n·plane.
#param COLS: int // channels
#param PLANE: int // positions of one map
#param X_MAPS: bool // x is (n, c, h, w)
#param Y_MAPS: bool // y is (n, c, h, w)

fn map_index(row: u32, channel: u32) -> u32 {
  return (row / ${PLANE}u * ${COLS}u + channel) * ${PLANE}u + row % ${PLANE}u;
}

fn x_index(row: u32, channel: u32) -> u32 {
#if X_MAPS
  return map_index(row, channel);
#else
  return row * ${COLS}u + channel;
#endif
}

fn y_index(row: u32, channel: u32) -> u32 {
#if Y_MAPS
  return map_index(row, channel);
#else
  return row * ${COLS}u + channel;
#endif
}
