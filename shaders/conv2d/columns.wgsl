// The columns of all images: (images, taps, pixels), or folded (taps, images, pixels).
#param FOLDED: bool // images lie beside each other along a row of pixels

const TAPS = ${CI * KH * KW}u;
const PIXELS = ${HO * WO}u;
const STRIDE_IMAGE = ${FOLDED ? HO * WO : CI * KH * KW * HO * WO}u;
const STRIDE_TAP = ${FOLDED ? BATCH * HO * WO : HO * WO}u;
