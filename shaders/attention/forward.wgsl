// y = softmax(q kᵀ / √size) v. One query of one head per invocation: q and the sum lie in its registers, keys are met one after the
// other, and what was summed is scaled down whenever a larger score is met (Milakov & Gimelshein 2018).
#import attention/head.wgsl
#import common/flat.wgsl

#bind read qkv: array<Item> // (batch · tokens, 3 · heads · size)
#bind read_write y: array<Item> // (batch · tokens, heads · size)
#bind read_write logsumexp: array<f32> // (batch, heads, tokens)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i >= ${BATCH * HEADS * TOKENS}u) {
    return;
  }
  let head = i / ${TOKENS}u;
  let query = i % ${TOKENS}u;
  let at_q = packed_row(head, query, 0u);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  var sum${c} = Item();
#endfor
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  let q${c} = load_qkv(at_q + ${c}u) * SCALE;
#endfor
  var largest = -3.4028234663852886e38;
  var mass = 0.0;
  for (var key = 0u; key < ${TOKENS}u; key++) {
    let k = packed_row(head, key, 1u);
    var products = Item();
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    products = fma(q${c}, load_qkv(k + ${c}u), products);
#endfor
    let score = total(products);
    let next = max(largest, score);
    let keep = exp(largest - next);
    let p = exp(score - next);
    largest = next;
    mass = mass * keep + p;
    let v = packed_row(head, key, 2u);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
    sum${c} = fma(Item(p), load_qkv(v + ${c}u), sum${c} * keep);
#endfor
  }
  let to = plain_row(head, query);
#for c in 0..(SIZE % 4 == 0 ? SIZE / 4 : SIZE)
  store_y(to + ${c}u, sum${c} / mass);
#endfor
  store_logsumexp(i, largest + log(mass));
}
