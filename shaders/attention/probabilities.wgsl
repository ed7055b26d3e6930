// p = e^{q kᵀ / √size − logsumexp}, one key of one query per invocation.
#param QUERIES: int // queries of an image, from the first
#import attention/head.wgsl
#import common/flat.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read logsumexp: array<f32> // (batch, heads, tokens)
#bind read_write probabilities: array<f32> // (batch, heads, QUERIES, tokens)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${BATCH * HEADS * QUERIES * TOKENS}u) {
    return;
  }
  let head = i / ${QUERIES * TOKENS}u;
  let query = i / ${TOKENS}u % ${QUERIES}u;
  let q = packed_row(head, query, 0u);
  let k = packed_row(head, i % ${TOKENS}u, 1u);
  var products = Item();
  for (var c = 0u; c < ITEMS; c++) {
    products = fma(load_qkv(q + c) * SCALE, load_qkv(k + c), products);
  }
  store_probabilities(i, exp(total(products) - load_logsumexp(head * ${TOKENS}u + query)));
}
