// dk = dsᵀ q and dv = pᵀ dy, ds = p (dy vᵀ − D) / √size; lanes own keys and meet queries.
#import attention/tokens.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read logsumexp: array<f32> // (batch, heads, tokens)
#bind read dy: array<Item> // (batch · tokens, heads · size)
#bind read d: array<f32> // (batch, heads, tokens)
#bind read_write dqkv: array<Item> // (batch · tokens, 3 · heads · size); columns of k and v are written

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
  var k: array<Lane, ${SIZE / SPLIT}>;
  var v: array<Lane, ${SIZE / SPLIT}>;
  var dk: array<Lane, ${SIZE / SPLIT}>;
  var dv: array<Lane, ${SIZE / SPLIT}>;
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    let k${o} = load_qkv(packed_row(head, safe${o}, 1u) + at) * SCALE;
    let v${o} = load_qkv(packed_row(head, safe${o}, 2u) + at);
#endfor
#for j in 0..PER
    k[i * ${PER}u + ${j}u] = Lane(
#for o in 0..OWNED
      component(k${o}, ${j}u),
#endfor
    );
    v[i * ${PER}u + ${j}u] = Lane(
#for o in 0..OWNED
      component(v${o}, ${j}u),
#endfor
    );
#endfor
  }
#if STAGED
  for (var first = 0u; first < ${TOKENS}u; first += ${TILE}u) {
    for (var slot = local; slot < ${TILE}u * ITEMS; slot += ${LANES}u) {
      let query = min(first + slot / ITEMS, ${TOKENS - 1}u);
      met_a[slot] = load_qkv(packed_row(head, query, 0u) + slot % ITEMS);
      met_b[slot] = load_dy(plain_row(head, query) + slot % ITEMS);
    }
    workgroupBarrier();
    for (var row = 0u; row < min(${TILE}u, ${TOKENS}u - first); row++) {
      let query = first + row;
#else
  {
    for (var query = 0u; query < ${TOKENS}u; query += ${MET}u) {
#for m in 0..MET
      let met${m} = min(query + ${m}u, ${TOKENS - 1}u);
#for r in 0..ceildiv(SIZE / PER, LANES)
      let a${r}_${m} = load_qkv(packed_row(head, met${m}, 0u) + min(${r * LANES}u + local, ITEMS - 1u));
      let b${r}_${m} = load_dy(plain_row(head, met${m}) + min(${r * LANES}u + local, ITEMS - 1u));
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
        let left${j} = k[${i * PER + j}];
        let right${j} = v[${i * PER + j}];
#for m in 0..MET
        scores${m} = fma(left${j}, Lane(component(item_a${m}, ${j}u)), scores${m});
        dps${m} = fma(right${j}, Lane(component(item_b${m}, ${j}u)), dps${m});
#endfor
#endfor
      }
#endfor
      let p0 = exp(whole(scores0) - load_logsumexp(head * ${TOKENS}u + query));
      let ds0 = p0 * (whole(dps0) - load_d(head * ${TOKENS}u + query));
#for m in 1..MET
      let p${m} = exp(whole(scores${m}) - load_logsumexp(head * ${TOKENS}u + met${m})) * f32(query + ${m}u < ${TOKENS}u);
      let ds${m} = p${m} * (whole(dps${m}) - load_d(head * ${TOKENS}u + met${m}));
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
        var dk${j} = dk[${i * PER + j}];
        var dv${j} = dv[${i * PER + j}];
#for m in 0..MET
        dk${j} = fma(ds${m}, Lane(component(item_a${m}, ${j}u)), dk${j});
        dv${j} = fma(p${m}, Lane(component(item_b${m}, ${j}u)), dv${j});
#endfor
        dk[${i * PER + j}] = dk${j};
        dv[${i * PER + j}] = dv${j};
#endfor
      }
#endfor
    }
#if STAGED
    workgroupBarrier();
#endif
  }
  for (var i = 0u; i < items; i++) {
    let at = i * ${SPLIT}u + part;
#for o in 0..OWNED
    if (own${o} < ${TOKENS}u) {
      store_dqkv(packed_row(head, own${o}, 1u) + at, Item(
#for j in 0..PER
        of_token(dk[i * ${PER}u + ${j}u], ${o}u),
#endfor
      ) * SCALE);
      store_dqkv(packed_row(head, own${o}, 2u) + at, Item(
#for j in 0..PER
        of_token(dv[i * ${PER}u + ${j}u], ${o}u),
#endfor
      ) * 1.0);
    }
#endfor
  }
}
