// Maps x (n, C, AREA) seen as items of WIDTH neighbouring elements of one channel.
#param C: int // channels
#param AREA: int // elements of a channel of one image
#param WIDTH: int // elements per item: 4 where AREA is a multiple of 4, else 1

#type Item = WIDTH == 4 ? vec4f : f32

const CHANNELS = ${C}u;
const PLANE = ${AREA / WIDTH}u;

fn total_of(item: Item) -> f32 {
#if WIDTH == 4
  return (item.x + item.y) + (item.z + item.w);
#else
  return item;
#endif
}
