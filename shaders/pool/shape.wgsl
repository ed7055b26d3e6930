// Windows of KH × KW over planes of H × W, giving planes of HO × WO.
#param H: int // rows of x
#param W: int // columns of x
#param KH: int // rows of the window
#param KW: int // columns of the window
#param SH: int // stride of rows
#param SW: int // stride of columns
#param PH: int // padding above and below
#param PW: int // padding left and right
#param HO: int // rows of y
#param WO: int // columns of y

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
