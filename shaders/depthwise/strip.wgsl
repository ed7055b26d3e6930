// Depthwise correlation with few taps for GPUs, in registers alone: y, or with MODE input dx from dy and the kernel turned by 180°.
//
// A lane makes ROWS × COLUMNS neighbouring outputs of a plane. It holds all taps of its channel, reads each row of x that its outputs
// meet once, and adds it to all of them. Neighbouring lanes read neighbouring columns, so that rows come from the cache in whole lines.
// With one SEGMENT the lane has all columns, and pairs of a tap and padding are not there.
#param MODE: forward | input // what is computed
#param N: int // images
#param CHANNELS: int // channels
#param IN_H: int // rows of a plane
#param IN_W: int // columns of a plane
#param KERNEL_H: int // rows of the kernel
#param KERNEL_W: int // columns of the kernel
#param TAP_H: int // rows of taps that meet more than padding
#param TAP_W: int // columns of such taps
#param PAD_Y: int // row offset of tap 0
#param PAD_X: int // column offset of tap 0
#param WIDTH: int // columns that are read and written at once; divides IN_W and COLUMNS
#param COLUMNS: int // output columns of a lane
#param ROWS: int // output rows of a lane
#param SEGMENTS: int // lanes along columns
#param STRIPS: int // lanes along rows
#param I0: int // first item of x that a lane's outputs meet, relative to its own first
#param I1: int // one past the last
#param LANES: int // invocations a workgroup

#type Item = WIDTH == 4 ? vec4f : WIDTH == 2 ? vec2f : f32

#bind read x: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read taps: array<f32> // (CHANNELS, KERNEL_H, KERNEL_W)
#if MODE == forward
#bind read bias?: array<f32> // (CHANNELS)
#else
#bind read addend?: array<Item> // (N, CHANNELS, IN_H, IN_W)
#endif
#bind read_write out: array<Item> // (N, CHANNELS, IN_H, IN_W)

const LAST = ${N * CHANNELS * STRIPS * SEGMENTS};

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = i32((group.x + group.y * groups.x) * ${LANES} + local);
  if (index >= LAST) {
    return;
  }
  let item = index % ${SEGMENTS} * ${COLUMNS / WIDTH};
  let oy = index / ${SEGMENTS} % ${STRIPS} * ${ROWS};
  let plane = index / ${SEGMENTS * STRIPS};
  let c = plane % ${CHANNELS};

#if MODE == forward
  let tap0 = c * ${KERNEL_H * KERNEL_W} + ${(KERNEL_H - TAP_H) / 2 * KERNEL_W + (KERNEL_W - TAP_W) / 2};
#for i in 0..TAP_H
#for k in 0..TAP_W
  let w${i}_${k} = load_taps(u32(tap0 + ${i * KERNEL_W + k}));
#endfor
#endfor
#else
  let tap0 = (c + 1) * ${KERNEL_H * KERNEL_W} - ${(KERNEL_H - TAP_H) / 2 * KERNEL_W + (KERNEL_W - TAP_W) / 2 + 1};
#for i in 0..TAP_H
#for k in 0..TAP_W
  let w${i}_${k} = load_taps(u32(tap0 - ${i * KERNEL_W + k}));
#endfor
#endfor
#endif
#for r in 0..ROWS
#for j in 0..COLUMNS
  var a${r}_${j} = 0.0;
#endfor
#endfor

#for t in 0..ROWS + TAP_H - 1
  if (oy >= ${PAD_Y - t} && oy < ${IN_H + PAD_Y - t}) {
    let row = (plane * ${IN_H} + oy - ${PAD_Y} + ${t}) * ${IN_W / WIDTH} + item;
#for q in I0..I1
#if SEGMENTS > 1 && (q < 0 || q >= COLUMNS / WIDTH || IN_W % COLUMNS > 0)
    let inside${q - I0} = item >= ${-q} && item < ${IN_W / WIDTH - q};
    let x${q - I0} = select(Item(), load_x(u32(select(0, row + ${q}, inside${q - I0}))), inside${q - I0});
#else
    let x${q - I0} = load_x(u32(row + ${q}));
#endif
#for e in 0..WIDTH
#if WIDTH == 1
    let e${q - I0} = x${q - I0};
#else
    let e${(q - I0) * WIDTH + e} = x${q - I0}[${e}];
#endif
#endfor
#endfor
#for r in max(0, t - TAP_H + 1)..min(t + 1, ROWS)
#for k in 0..TAP_W
#for j in 0..COLUMNS
#if SEGMENTS > 1 || (j + k >= PAD_X && j + k < IN_W + PAD_X)
    a${r}_${j} = fma(w${t - r}_${k}, e${j + k - PAD_X - I0 * WIDTH}, a${r}_${j});
#endif
#endfor
#endfor
#endfor
  }
#endfor

#if MODE == forward && bound(bias)
  let shift = load_bias(u32(c));
#endif
#for r in 0..ROWS
  if (oy < ${IN_H - r}) {
    let row = (plane * ${IN_H} + oy + ${r}) * ${IN_W / WIDTH} + item;
#for q in 0..COLUMNS / WIDTH
#if WIDTH == 4
    var y${q} = vec4f(a${r}_${4 * q}, a${r}_${4 * q + 1}, a${r}_${4 * q + 2}, a${r}_${4 * q + 3});
#elif WIDTH == 2
    var y${q} = vec2f(a${r}_${2 * q}, a${r}_${2 * q + 1});
#else
    var y${q} = a${r}_${q};
#endif
#if SEGMENTS > 1 && IN_W % COLUMNS > 0
    if (item < ${IN_W / WIDTH - q}) {
#endif
#if MODE == forward && bound(bias)
    y${q} += shift;
#elif MODE == input && bound(addend)
    y${q} += load_addend(u32(row + ${q}));
#endif
    store_out(u32(row + ${q}), y${q});
#if SEGMENTS > 1 && IN_W % COLUMNS > 0
    }
#endif
#endfor
  }
#endfor
}
