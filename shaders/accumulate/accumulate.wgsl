// out = x, or out = out + x, one item of WIDTH elements per invocation.
#param ITEMS: int // items
#param WIDTH: int // elements per item, 1 or 4
#import common/flat.wgsl

#type Item = WIDTH == 4 ? vec4f : f32

#bind read x: array<Item> // (ITEMS)
#bind read_write out: array<Item> // (ITEMS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = flat_index(group, groups, local);
  if (i < ${ITEMS}u) {
    accumulate_out(i, load_x(i));
  }
}
