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
    for (var query = 0u; query < ${TOKENS}u; query++) {
#for r in 0..ceildiv(SIZE / PER, LANES)
      let a${r} = load_qkv(packed_row(head, query, 0u) + min(${r * LANES}u + local, ITEMS - 1u));
      let b${r} = load_dy(plain_row(head, query) + min(${r * LANES}u + local, ITEMS - 1u));
#endfor
#endif
      var scores = Lane();
      var dps = Lane();
#for i in 0..SIZE / PER / SPLIT
      {
#if STAGED
        let item_a = met_a[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_a = subgroupBroadcast(a${i / LANES}, ${i % LANES}u);
#endif
#if STAGED
        let item_b = met_b[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_b = subgroupBroadcast(b${i / LANES}, ${i % LANES}u);
#endif
#for j in 0..PER
        scores = fma(k[${i * PER + j}], Lane(component(item_a, ${j}u)), scores);
        dps = fma(v[${i * PER + j}], Lane(component(item_b, ${j}u)), dps);
#endfor
      }
#endfor
      let p = exp(whole(scores) - load_logsumexp(head * ${TOKENS}u + query));
      let ds = p * (whole(dps) - load_d(head * ${TOKENS}u + query));
#for i in 0..SIZE / PER / SPLIT
      {
#if STAGED
        let item_a = met_a[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_a = subgroupBroadcast(a${i / LANES}, ${i % LANES}u);
#endif
#if STAGED
        let item_b = met_b[row * ITEMS + ${i * SPLIT}u + part];
#else
        let item_b = subgroupBroadcast(b${i / LANES}, ${i % LANES}u);
#endif
#for j in 0..PER
        dk[${i * PER + j}] = fma(ds, Lane(component(item_a, ${j}u)), dk[${i * PER + j}]);
        dv[${i * PER + j}] = fma(p, Lane(component(item_b, ${j}u)), dv[${i * PER + j}]);
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
