// Weight gradient of a depthwise correlation with few taps for GPUs: sums in registers.
//
// A workgroup owns a channel and a batch of images. A lane holds the sums of all taps over COLUMNS columns, takes ROWS rows of dy at
// once, and reads each row of x that they meet once. The lanes' sums are added up at the end, in their order; reduce.wgsl adds those
// of the batches. With one SEGMENT a lane has all columns, and pairs with padding are not there.
// Workgroup memory: 4·(TAP_H·TAP_W + 1)·(LANES | 1) bytes.
#param N: int // images
#param CHANNELS: int // channels
#param IN_H: int // rows of a plane
#param IN_W: int // columns of a plane
#param TAP_H: int // rows of taps that meet more than padding
#param TAP_W: int // columns of such taps
#param DBIAS: bool // also the gradient of a bias
#param WIDTH: int // columns that are read at once; divides IN_W and COLUMNS
#param COLUMNS: int // columns of a lane
#param ROWS: int // rows of dy that a lane takes at once
#param SEGMENTS: int // lanes along columns
#param SLOTS: int // lanes that share the strips of ROWS rows of a batch
#param STRIPS: int // such strips of a plane
#param I0: int // first item of x that a lane's columns meet, relative to its own first
#param I1: int // one past the last
#param BATCHES: int // workgroups of a channel
#param BATCH_IMAGES: int // images of a batch

#type Item = WIDTH == 4 ? vec4f : WIDTH == 2 ? vec2f : f32

#bind read x: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read dy: array<Item> // (N, CHANNELS, IN_H, IN_W)
#bind read_write parts: array<f32> // (BATCHES, CHANNELS, TAP_H·TAP_W + 1)

const LANES = ${SEGMENTS * SLOTS};
const STRIDE = ${SEGMENTS * SLOTS / 2 * 2 + 1};
const TAPS = ${TAP_H * TAP_W};

var<workgroup> sums: array<f32, (TAPS + 1) * STRIDE>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) index: u32) {
  let g = i32(group.x + group.y * groups.x);
  if (g >= ${CHANNELS * BATCHES}) {
    return;
  }
  let local = i32(index);
  let c = g % ${CHANNELS};
  let batch = g / ${CHANNELS};
  let item = local % ${SEGMENTS} * ${COLUMNS / WIDTH};

#for i in 0..TAP_H
#for k in 0..TAP_W
  var s${i}_${k} = 0.0;
#endfor
#endfor
  var bias_sum = 0.0;
  for (var work = local / ${SEGMENTS}; work < ${BATCH_IMAGES * STRIPS}; work += ${SLOTS}) {
    let image = batch * ${BATCH_IMAGES} + work / ${STRIPS};
    if (image >= ${N}) {
      break;
    }
    let oy = work % ${STRIPS} * ${ROWS};
    let plane = (image * ${CHANNELS} + c) * ${IN_H};
#for r in 0..ROWS
#for q in 0..COLUMNS / WIDTH
#if IN_H % ROWS > 0 || (SEGMENTS > 1 && IN_W % COLUMNS > 0)
    let there${r}_${q} = oy < ${IN_H - r} && item < ${IN_W / WIDTH - q};
    let d${r}_${q} = select(Item(), load_dy(u32(select(0, (plane + oy + ${r}) * ${IN_W / WIDTH} + item + ${q}, there${r}_${q}))), there${r}_${q});
#else
    let d${r}_${q} = load_dy(u32((plane + oy + ${r}) * ${IN_W / WIDTH} + item + ${q}));
#endif
#for e in 0..WIDTH
#if WIDTH == 1
    let g${r}_${q} = d${r}_${q};
#else
    let g${r}_${q * WIDTH + e} = d${r}_${q}[${e}];
#endif
#if DBIAS
    bias_sum += g${r}_${q * WIDTH + e};
#endif
#endfor
#endfor
#endfor
#for t in 0..ROWS + TAP_H - 1
    if (oy >= ${TAP_H / 2 - t} && oy < ${IN_H + TAP_H / 2 - t}) {
      let row = (plane + oy - ${TAP_H / 2} + ${t}) * ${IN_W / WIDTH} + item;
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
#for j in 0..COLUMNS
#for k in 0..TAP_W
#if SEGMENTS > 1 || (j + k >= TAP_W / 2 && j + k < IN_W + TAP_W / 2)
      s${t - r}_${k} = fma(g${r}_${j}, e${j + k - TAP_W / 2 - I0 * WIDTH}, s${t - r}_${k});
#endif
#endfor
#endfor
#endfor
    }
#endfor
  }

#for i in 0..TAP_H
#for k in 0..TAP_W
  sums[${i * TAP_W + k} * STRIDE + local] = s${i}_${k};
#endfor
#endfor
#if DBIAS
  sums[TAPS * STRIDE + local] = bias_sum;
#endif
  workgroupBarrier();
#if DBIAS
  const VALUES = TAPS + 1;
#else
  const VALUES = TAPS;
#endif
  for (var p = local; p < VALUES; p += LANES) {
    var sum = 0.0;
    for (var lane = 0; lane < LANES; lane++) {
      sum += sums[p * STRIDE + lane];
    }
    store_parts(u32((batch * ${CHANNELS} + c) * (TAPS + 1) + p), sum);
  }
}
