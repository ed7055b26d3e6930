// Sizes of a convolution: x (BATCH, CI, H, W), weight (CO, CG, KH, KW), y (BATCH, CO, HO, WO), CG = CI / GROUPS.
#param BATCH images
#param CI input channels
#param H rows of x
#param W columns of x
#param CO output channels
#param CG input channels a group
#param KH rows of the kernel
#param KW columns of the kernel
#param SH stride of rows
#param SW stride of columns
#param PH zeros above and below
#param PW zeros left and right
#param GROUPS groups
#param HO rows of y
#param WO columns of y

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
// Output channels a group.
const OG = ${CO / GROUPS}u;
