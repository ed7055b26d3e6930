// Maps x (n, C, AREA) seen as items of WIDTH neighbouring elements of one channel.
#param C channels
#param AREA elements of a channel of one image
#param WIDTH elements an item: 4 where AREA is a multiple of 4, else 1

#if WIDTH == 4
alias Item = vec4f;
#else
alias Item = f32;
#endif

const CHANNELS = ${C}u;
const PLANE = ${AREA / WIDTH}u;

fn total_of(item: Item) -> f32 {
#if WIDTH == 4
  return (item.x + item.y) + (item.z + item.w);
#else
  return item;
#endif
}
