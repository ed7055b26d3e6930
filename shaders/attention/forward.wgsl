// y = softmax(q kᵀ / √size) v; lanes own queries and meet keys. What was summed is scaled down only where a score is far above the
// reference that it was summed by: a reference need not be the maximum, but no power may overflow.
#import attention/tokens.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read_write y: array<Item> // (batch · tokens, heads · size)
#bind read_write logsumexp: array<f32> // (batch, heads, tokens)

// A power of e that may be summed as often as there are tokens.
const FAR = 8.0;

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = group.x + group.y * groups.x;
  if (index >= GROUPS) {
    return;
  }
  let head = index / BLOCKS;
  let part = local % ${SPLIT}u;
  let items = own_items(groups);
#for o in 0..OWNED
  let own${o} = own_token(index, local, ${o}u);
  let safe${o} = min(own${o}, ${TOKENS - 1}u);
#endfor
  var q: array<Lane, ${SIZE / SPLIT}>;
  var sum: array<Lane, ${SIZE / SPLIT}>;
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    let q${o} = load_qkv(packed_row(head, safe${o}, 0u) + at) * SCALE;
#endfor
#for j in 0..PER
    q[i * ${PER}u + ${j}u] = Lane(
#for o in 0..OWNED
      component(q${o}, ${j}u),
#endfor
    );
#endfor
  }
  var reference = Lane(-3.4028234663852886e38);
  var mass = Lane();
#if STAGED
  for (var first = 0u; first < ${TOKENS}u; first += ${TILE}u) {
    for (var slot = local; slot < ${TILE}u * ITEMS; slot += ${LANES}u) {
      let key = min(first + slot / ITEMS, ${TOKENS - 1}u);
      met_a[slot] = load_qkv(packed_row(head, key, 1u) + slot % ITEMS);
      met_b[slot] = load_qkv(packed_row(head, key, 2u) + slot % ITEMS);
    }
    workgroupBarrier();
    for (var row = 0u; row < min(${TILE}u, ${TOKENS}u - first); row++) {
#else
  {
    for (var key = 0u; key < ${TOKENS}u; key += ${MET}u) {
#for m in 0..MET
      let met${m} = min(key + ${m}u, ${TOKENS - 1}u);
#for r in 0..ceildiv(SIZE / PER, LANES)
      let a${r}_${m} = load_qkv(packed_row(head, met${m}, 1u) + min(${r * LANES}u + local, ITEMS - 1u));
      let b${r}_${m} = load_qkv(packed_row(head, met${m}, 2u) + min(${r * LANES}u + local, ITEMS - 1u));
#endfor
#endfor
#endif
      // Two sums of each, so that one multiply-add need not wait for another.
#for m in 0..MET
      var score0_${m} = Lane();
      var score1_${m} = Lane();
#endfor
#for i in 0..SIZE / PER / SPLIT
      {
#for m in 0..MET
#if STAGED
        let item${m} = met_a[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item${m} = subgroupBroadcast(a${i / LANES}_${m}, ${i % LANES}u);
#endif
#endfor
#for j in 0..PER
        let q${j} = q[${i * PER + j}];
#for m in 0..MET
        score${j % 2}_${m} = fma(q${j}, Lane(component(item${m}, ${j}u)), score${j % 2}_${m});
#endfor
#endfor
      }
#endfor
#for m in 0..MET
      let score_${m} = whole(score0_${m} + score1_${m});
#endfor
      var highest = score_0;
#for m in 1..MET
      highest = max(highest, score_${m});
#endfor
      if (any(highest > reference + FAR)) {
        let next = max(highest, reference);
        let keep = exp(reference - next);
        reference = next;
        mass *= keep;
#for c in 0..SIZE / SPLIT
        sum[${c}] *= keep;
#endfor
      }
      let p0 = exp(score_0 - reference);
      mass += p0;
#for m in 1..MET
      let p${m} = exp(score_${m} - reference) * f32(key + ${m}u < ${TOKENS}u);
      mass += p${m};
#endfor
#for i in 0..SIZE / PER / SPLIT
      {
#for m in 0..MET
#if STAGED
        let item${m} = met_b[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item${m} = subgroupBroadcast(b${i / LANES}_${m}, ${i % LANES}u);
#endif
#endfor
#for j in 0..PER
        var sum${j} = sum[${i * PER + j}];
#for m in 0..MET
        sum${j} = fma(p${m}, Lane(component(item${m}, ${j}u)), sum${j});
#endfor
        sum[${i * PER + j}] = sum${j};
#endfor
      }
#endfor
    }
#if STAGED
    workgroupBarrier();
#endif
  }
  let norm = reference + log(mass);
  let share = 1.0 / mass;
#for o in 0..OWNED
  if (part == 0u && own${o} < ${TOKENS}u) {
    store_logsumexp(head * ${TOKENS}u + own${o}, of_token(norm, ${o}u));
  }
#endfor
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    if (own${o} < ${TOKENS}u) {
      store_y(plain_row(head, own${o}) + at, Item(
#for j in 0..PER
        of_token(sum[i * ${PER}u + ${j}u], ${o}u),
#endfor
      ) * of_token(share, ${o}u));
    }
#endfor
  }
}
