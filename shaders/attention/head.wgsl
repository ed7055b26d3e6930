// Rows of one head out of packed rows qkv (batch · tokens, [q | k | v][head][size]) and of y (batch · tokens, [head][size]), as vec4 where
// four divides the size.
#param BATCH: int // images
#param HEADS: int // heads
#param TOKENS: int // tokens of an image
#param SIZE: int // columns of a head
#type Item = SIZE % 4 == 0 ? vec4f : f32

// Items of a row of one head.
const ITEMS = ${SIZE % 4 == 0 ? SIZE / 4 : SIZE}u;
const SCALE = inverseSqrt(${SIZE}.0);

fn total(value: Item) -> f32 {
#if SIZE % 4 == 0
  return (value.x + value.y) + (value.z + value.w);
#else
  return value;
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
