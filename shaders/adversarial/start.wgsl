// y = in(clean + ε (2u − 1)), one element per invocation; u by Threefry-2x32 (20 rounds; Salmon et al., SC 2011) of the image's key and
// the pixel's place, so that it depends on neither batch nor adapter.
#param N: int // elements
#import common/flat.wgsl
#import adversarial/inside.wgsl

#bind read clean: array<f32> // (n, c, h, w)
#bind read keys: array<f32> // (n, 4): two words as their low and high halves
#bind read box: array<f32> // (4, c): step, ε, low, high
#bind read_write y: array<f32> // (n, c, h, w)

fn word(at: u32) -> u32 {
  return u32(load_keys(at)) | (u32(load_keys(at + 1u)) << 16u);
}

fn mix(v: vec2u, rotation: u32) -> vec2u {
  let sum = v.x + v.y;
  return vec2u(sum, ((v.y << rotation) | (v.y >> (32u - rotation))) ^ sum);
}

fn even_rounds(v: vec2u) -> vec2u {
  return mix(mix(mix(mix(v, 13u), 15u), 26u), 6u);
}

fn odd_rounds(v: vec2u) -> vec2u {
  return mix(mix(mix(mix(v, 17u), 29u), 16u), 24u);
}

fn threefry(key: vec2u, counter: u32) -> u32 {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  var v = vec2u(counter, 0u) + key;
  v = even_rounds(v) + vec2u(key.y, third + 1u);
  v = odd_rounds(v) + vec2u(third, key.x + 2u);
  v = even_rounds(v) + vec2u(key.x, key.y + 3u);
  v = odd_rounds(v) + vec2u(key.y, third + 4u);
  v = even_rounds(v) + vec2u(third, key.x + 5u);
  return v.x;
}

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    let image = i / (${CHANNELS}u * ${PIXELS}u);
    let bits = threefry(vec2u(word(4u * image), word(4u * image + 2u)), i - image * ${CHANNELS}u * ${PIXELS}u);
    let u = f32(bits >> 8u) * 0x1p-24;
    let channel = channel_of(i);
    let eps = load_box(${CHANNELS}u + channel);
    let x = load_clean(i);
    store_y(i, inside(x + eps * (2.0 * u - 1.0), x, eps, load_box(2u * ${CHANNELS}u + channel), load_box(3u * ${CHANNELS}u + channel)));
  }
}
