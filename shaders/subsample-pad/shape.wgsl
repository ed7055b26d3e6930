// Sizes of x (n, C, H, W) and y (n, CHANNELS, HO, WO); channel c of x is channel c + BEFORE of y.
#param C channels of x
#param H rows of x
#param W columns of x
#param CHANNELS channels of y
#param HO rows of y
#param WO columns of y
#param BEFORE channels of zeros before those of x

const C = ${C}u;
const H = ${H}u;
const W = ${W}u;
const CHANNELS = ${CHANNELS}u;
const HO = ${HO}u;
const WO = ${WO}u;
const BEFORE = ${BEFORE}u;
