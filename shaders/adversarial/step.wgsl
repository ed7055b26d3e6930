// y = in(x + a sign dx), one element per invocation; where the gradient is zero, x stays.
#param N: int // elements
#import common/flat.wgsl
#import adversarial/inside.wgsl

#bind read x: array<f32> // (n, c, h, w)
#bind read dx: array<f32> // (n, c, h, w)
#bind read clean: array<f32> // (n, c, h, w)
#bind read box: array<f32> // (4, c): step, ε, low, high
#bind read_write y: array<f32> // (n, c, h, w)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${N}u) {
    let channel = channel_of(i);
    let moved = load_x(i) + load_box(channel) * sign(load_dx(i));
    store_y(i, inside(moved, load_clean(i), load_box(${CHANNELS}u + channel), load_box(2u * ${CHANNELS}u + channel), load_box(3u * ${CHANNELS}u + channel)));
  }
}
