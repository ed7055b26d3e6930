// Sizes of a convolution: x (BATCH, CI, H, W), weight (CO, CG, KH, KW), y (BATCH, CO, HO, WO), CG = CI / GROUPS.
#param BATCH: int // images
#param CI: int // input channels
#param H: int // rows of x
#param W: int // columns of x
#param CO: int // output channels
#param CG: int // input channels per group
#param KH: int // rows of the kernel
#param KW: int // columns of the kernel
#param SH: int // stride of rows
#param SW: int // stride of columns
#param PH: int // zeros above and below
#param PW: int // zeros left and right
#param GROUPS: int // groups
#param HO: int // rows of y
#param WO: int // columns of y

const BATCH = ${BATCH}u;
const CI = ${CI}u;
const H = ${H}u;
const W = ${W}u;
const CO = ${CO}u;
const CG = ${CG}u;
const KH = ${KH}u;
const KW = ${KW}u;
const SH = ${SH}u;
const SW = ${SW}u;
const PH = ${PH}u;
const PW = ${PW}u;
const GROUPS = ${GROUPS}u;
const HO = ${HO}u;
const WO = ${WO}u;
// Output channels per group.
const OG = ${CO / GROUPS}u;
