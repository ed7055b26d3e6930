// Index of an invocation in a one-dimensional range spread over a two-dimensional grid (65,535 workgroups per dimension).
#param WORKGROUP: int // invocations per workgroup

fn flat_index(group: vec3u, groups: vec3u, local: u32) -> u32 {
  return (group.x + group.y * groups.x) * ${WORKGROUP}u + local;
}
