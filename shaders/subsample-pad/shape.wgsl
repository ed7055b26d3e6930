// Sizes of x (n, C, H, W) and y (n, CHANNELS, HO, WO); channel c of x is channel c + BEFORE of y.
#param C: int // channels of x
#param H: int // rows of x
#param W: int // columns of x
#param CHANNELS: int // channels of y
#param HO: int // rows of y
#param WO: int // columns of y
#param BEFORE: int // channels of zeros before those of x

const C = ${C}u;
const H = ${H}u;
const W = ${W}u;
const CHANNELS = ${CHANNELS}u;
const HO = ${HO}u;
const WO = ${WO}u;
const BEFORE = ${BEFORE}u;
