// D = Σ dy y and dq = ds k, ds = p (dy vᵀ − D) / √size; lanes own queries and meet keys.
#import attention/tokens.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read y: array<Item> // (batch · tokens, heads · size)
#bind read logsumexp: array<f32> // (batch, heads, tokens)
#bind read dy: array<Item> // (batch · tokens, heads · size)
#bind read_write dqkv: array<Item> // (batch · tokens, 3 · heads · size); q's columns are written
#bind read_write d: array<f32> // (batch, heads, tokens)

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
  var g: array<Lane, ${SIZE / SPLIT}>;
  var dq: array<Lane, ${SIZE / SPLIT}>;
  var share_d = Lane();
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    let q${o} = load_qkv(packed_row(head, safe${o}, 0u) + at) * SCALE;
    let g${o} = load_dy(plain_row(head, safe${o}) + at);
#endfor
    share_d += Lane(
#for o in 0..OWNED
      total(g${o} * load_y(plain_row(head, safe${o}) + at)),
#endfor
    );
#for j in 0..PER
    q[i * ${PER}u + ${j}u] = Lane(
#for o in 0..OWNED
      component(q${o}, ${j}u),
#endfor
    );
    g[i * ${PER}u + ${j}u] = Lane(
#for o in 0..OWNED
      component(g${o}, ${j}u),
#endfor
    );
#endfor
  }
  let own_d = whole(share_d);
  let norm = Lane(
#for o in 0..OWNED
    load_logsumexp(head * ${TOKENS}u + safe${o}),
#endfor
  );
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
#for m in 0..MET
      var scores${m} = Lane();
      var dps${m} = Lane();
#endfor
#for i in 0..SIZE / PER / SPLIT
      {
#for m in 0..MET
#if STAGED
        let item_a${m} = met_a[row * ITEMS + ${i * SPLIT}u + part];
        let item_b${m} = met_b[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_a${m} = subgroupBroadcast(a${i / LANES}_${m}, ${i % LANES}u);
        let item_b${m} = subgroupBroadcast(b${i / LANES}_${m}, ${i % LANES}u);
#endif
#endfor
#for j in 0..PER
        let left${j} = q[${i * PER + j}];
        let right${j} = g[${i * PER + j}];
#for m in 0..MET
        scores${m} = fma(left${j}, Lane(component(item_a${m}, ${j}u)), scores${m});
        dps${m} = fma(right${j}, Lane(component(item_b${m}, ${j}u)), dps${m});
#endfor
#endfor
      }
#endfor
      let ds0 = exp(whole(scores0) - norm) * (whole(dps0) - own_d);
#for m in 1..MET
      let ds${m} = exp(whole(scores${m}) - norm) * (whole(dps${m}) - own_d) * f32(key + ${m}u < ${TOKENS}u);
#endfor
#for i in 0..SIZE / PER / SPLIT
      {
#for m in 0..MET
#if STAGED
        let item_a${m} = met_a[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_a${m} = subgroupBroadcast(a${i / LANES}_${m}, ${i % LANES}u);
#endif
#endfor
#for j in 0..PER
        var dq${j} = dq[${i * PER + j}];
#for m in 0..MET
        dq${j} = fma(ds${m}, Lane(component(item_a${m}, ${j}u)), dq${j});
#endfor
        dq[${i * PER + j}] = dq${j};
#endfor
      }
#endfor
    }
#if STAGED
    workgroupBarrier();
#endif
  }
#for o in 0..OWNED
  if (part == 0u && own${o} < ${TOKENS}u) {
    store_d(head * ${TOKENS}u + own${o}, of_token(own_d, ${o}u));
  }
#endfor
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    if (own${o} < ${TOKENS}u) {
      store_dqkv(packed_row(head, own${o}, 0u) + at, Item(
#for j in 0..PER
        of_token(dq[i * ${PER}u + ${j}u], ${o}u),
#endfor
      ) * SCALE);
    }
#endfor
  }
}
