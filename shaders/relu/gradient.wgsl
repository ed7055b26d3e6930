// dx = dy where y > 0, else 0; RUN items of WIDTH elements per invocation as in accumulate.wgsl.
#param ITEMS: int // items
#param WIDTH: int // elements per item, 1 or 4
#param RUN: int // items per invocation at most
#import common/flat.wgsl

#type Item = WIDTH == 4 ? vec4f : f32

#bind read y: array<Item> // (ITEMS)
#bind read dy: array<Item> // (ITEMS)
#bind read_write dx: array<Item> // (ITEMS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = flat_index(group, groups, 0u) * ${RUN}u;
  for (var i = first + local; i < min(first + ${WORKGROUP * RUN}u, ${ITEMS}u); i += ${WORKGROUP}u) {
    store_dx(i, select(Item(0.0), load_dy(i), load_y(i) > Item(0.0)));
  }
}
