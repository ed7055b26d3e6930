// Rows of one head out of packed rows qkv (batch · tokens, [q | k | v][head][size]) and of y (batch · tokens, [head][size]).
#param BATCH: int // images
#param HEADS: int // heads
#param TOKENS: int // tokens of an image
#param SIZE: int // columns of a head
#param PER: int // columns that are read at once: 4 where it divides the size, else 1
#type Item = PER == 4 ? vec4f : f32

// Items of a row of one head.
const ITEMS = ${SIZE / PER}u;
const SCALE = inverseSqrt(${SIZE}.0);

fn component(item: Item, index: u32) -> f32 {
#if PER == 4
  return item[index];
#else
  return item;
#endif
}

fn total(item: Item) -> f32 {
#if PER == 4
  return (item.x + item.y) + (item.z + item.w);
#else
  return item;
#endif
}

// First item of a token's row; `part` is 0 for q, 1 for k, 2 for v. `head` counts the heads of all images.
fn packed_row(head: u32, token: u32, part: u32) -> u32 {
  let row = head / ${HEADS}u * ${TOKENS}u + token;
  return ((row * 3u + part) * ${HEADS}u + head % ${HEADS}u) * ITEMS;
}

fn plain_row(head: u32, token: u32) -> u32 {
  return ((head / ${HEADS}u * ${TOKENS}u + token) * ${HEADS}u + head % ${HEADS}u) * ITEMS;
}
