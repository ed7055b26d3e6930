// Maps seen as items of WIDTH neighbouring elements of one plane.
#param WIDTH: int // elements an item: 4 where AREA is a multiple of 4, else 1
#import group-norm/shape.wgsl

#type Item = WIDTH == 4 ? vec4f : f32

const PLANE = ${AREA / WIDTH}u;
const TOTAL = ${N * GROUPS * CHANNELS * AREA / WIDTH}u;
