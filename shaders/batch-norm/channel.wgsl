// One part of a channel per workgroup: RUN of the ITEMS items of channel c over all images, in order of (n, h, w).
#param ITEMS: int // items of a channel
#param RUN: int // items of a part
#param PARTS: int // parts of a channel
#param WORKGROUP: int // invocations per workgroup, a power of two
#import batch-norm/items.wgsl

struct Part {
  c: u32,
  first: u32,
  end: u32,
}

fn part_of(index: u32) -> Part {
  let start = (index % ${PARTS}u) * ${RUN}u;
  return Part(index / ${PARTS}u, start, min(start + ${RUN}u, ${ITEMS}u));
}

// Offset of item i of channel c.
fn item_offset(i: u32, c: u32) -> u32 {
  return ((i / PLANE) * CHANNELS + c) * PLANE + i % PLANE;
}
