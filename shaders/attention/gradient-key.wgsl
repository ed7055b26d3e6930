// dk = dsᵀ q and dv = pᵀ dy, ds = p (dy vᵀ − D) / √size. One key of one head per invocation.
#import attention/head.wgsl
#import common/flat.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read logsumexp: array<f32> // (batch, heads, tokens)
#bind read dy: array<Item> // (batch · tokens, heads · size)
#bind read d: array<f32> // (batch, heads, tokens)
#bind read_write dqkv: array<Item> // (batch · tokens, 3 · heads · size); columns of k and v are written

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${BATCH * HEADS * TOKENS}u) {
    return;
  }
  let head = i / ${TOKENS}u;
  let key = i % ${TOKENS}u;
  let at_k = packed_row(head, key, 1u);
  let at_v = packed_row(head, key, 2u);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  var dk${c} = Item();
#endfor
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  var dv${c} = Item();
#endfor
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  let k${c} = load_qkv(at_k + ${c}u) * SCALE;
  let v${c} = load_qkv(at_v + ${c}u);
#endfor
  for (var query = 0u; query < ${TOKENS}u; query++) {
    let q = packed_row(head, query, 0u);
    let g = plain_row(head, query);
    let scalar = head * ${TOKENS}u + query;
    var scores = Item();
    var dps = Item();
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    scores = fma(k${c}, load_qkv(q + ${c}u), scores);
    dps = fma(v${c}, load_dy(g + ${c}u), dps);
#endfor
    let p = exp(total(scores) - load_logsumexp(scalar));
    let ds = p * (total(dps) - load_d(scalar));
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    dk${c} = fma(Item(ds), load_qkv(q + ${c}u), dk${c});
    dv${c} = fma(Item(p), load_dy(g + ${c}u), dv${c});
#endfor
  }
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  store_dqkv(at_k + ${c}u, dk${c} * SCALE);
  store_dqkv(at_v + ${c}u, dv${c});
#endfor
}
