// Windows of KH × KW over planes of H × W, giving planes of HO × WO.
#param H rows of x
#param W columns of x
#param KH rows of the window
#param KW columns of the window
#param SH stride of rows
#param SW stride of columns
#param PH padding above and below
#param PW padding left and right
#param HO rows of y
#param WO columns of y

const H = ${H}u;
const W = ${W}u;
const KH = ${KH}u;
const KW = ${KW}u;
const SH = ${SH}u;
const SW = ${SW}u;
const PH = ${PH}u;
const PW = ${PW}u;
const HO = ${HO}u;
const WO = ${WO}u;

// First and one past the last window that covers a row or column `at` of the padded map.
fn windows(at: u32, kernel: u32, stride: u32, count: u32) -> vec2u {
  let first = select(0u, (at - kernel) / stride + 1u, at >= kernel);
  return vec2u(first, min(at / stride + 1u, count));
}
