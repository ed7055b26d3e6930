// Phases of a depthwise convolution with strides: phase (ry, rx) of a map is every SH-th row from ry and every SW-th column from rx.
// Tap (i, j) has phase ((i − PH) mod SH, (j − PW) mod SW) and offset (⌊(i − PH) / SH⌋, ⌊(j − PW) / SW⌋) in it. Channels of phases are
// o·SH·SW + ry·SW + rx for output channel o, which reads input channel o / MULTIPLIER.
#import conv2d/shape.wgsl
#param PHASE_H: int // rows of a phase
#param PHASE_W: int // columns of a phase
#param FIRST_Y: int // least offset of a tap's row
#param FIRST_X: int // least offset of a tap's column
#param TAPS_H: int // rows of taps of a phase
#param TAPS_W: int // columns of taps of a phase

const PHASES = ${SH * SW}u;
const CHANNELS = ${CO * SH * SW}u;
const MULTIPLIER = ${CO / CI}u;
const PHASE_AREA = ${PHASE_H * PHASE_W}u;
const TAPS_AREA = ${TAPS_H * TAPS_W}u;
const FIRST = vec2i(${FIRST_Y}, ${FIRST_X});
