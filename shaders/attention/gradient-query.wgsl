// D = Σ dy y and dq = ds k, ds = p (dy vᵀ − D) / √size. One query of one head per invocation.
#import attention/head.wgsl
#import common/flat.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read y: array<Item> // (batch · tokens, heads · size)
#bind read logsumexp: array<f32> // (batch, heads, tokens)
#bind read dy: array<Item> // (batch · tokens, heads · size)
#bind read_write dqkv: array<Item> // (batch · tokens, 3 · heads · size); q's columns are written
#bind read_write d: array<f32> // (batch, heads, tokens)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${BATCH * HEADS * TOKENS}u) {
    return;
  }
  let head = i / ${TOKENS}u;
  let query = i % ${TOKENS}u;
  let at_q = packed_row(head, query, 0u);
  let at_y = plain_row(head, query);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  var dq${c} = Item();
#endfor
  var products = Item();
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  let q${c} = load_qkv(at_q + ${c}u) * SCALE;
  let g${c} = load_dy(at_y + ${c}u);
  products = fma(g${c}, load_y(at_y + ${c}u), products);
#endfor
  let own_d = total(products);
  let norm = load_logsumexp(i);
  for (var key = 0u; key < ${TOKENS}u; key++) {
    let k = packed_row(head, key, 1u);
    let v = packed_row(head, key, 2u);
    var scores = Item();
    var dps = Item();
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    scores = fma(q${c}, load_qkv(k + ${c}u), scores);
    dps = fma(g${c}, load_qkv(v + ${c}u), dps);
#endfor
    let ds = exp(total(scores) - norm) * (total(dps) - own_d);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    dq${c} = fma(Item(ds), load_qkv(k + ${c}u), dq${c});
#endfor
  }
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  store_dqkv(at_q + ${c}u, dq${c} * SCALE);
#endfor
  store_d(i, own_d);
}
