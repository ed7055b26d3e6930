// y = max(x, 0), RUN items of WIDTH elements per invocation as in accumulate.wgsl. A NaN stays one, as in PyTorch.
#param ITEMS: int // items
#param WIDTH: int // elements per item, 1 or 4
#param RUN: int // items per invocation at most
#import common/flat.wgsl

#type Item = WIDTH == 4 ? vec4f : f32

#bind read x: array<Item> // (ITEMS)
#bind read_write y: array<Item> // (ITEMS)

@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let first = flat_index(group, groups, 0u) * ${RUN}u;
  for (var i = first + local; i < min(first + ${WORKGROUP * RUN}u, ${ITEMS}u); i += ${WORKGROUP}u) {
    store_y(i, select(load_x(i), Item(0.0), load_x(i) < Item(0.0)));
  }
}
