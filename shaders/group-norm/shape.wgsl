// Sizes of maps x (N, GROUPS·CHANNELS, AREA): mean and rstd lie as (N, GROUPS), weight and bias as (GROUPS·CHANNELS).
#param N: int // images
#param GROUPS: int // groups of channels
#param CHANNELS: int // channels of a group
#param AREA: int // elements of a plane

const C = ${GROUPS * CHANNELS}u;

// For plane n·C + c: its channel, and its group n·GROUPS + g.
fn channel_of(plane: u32) -> u32 {
  return plane % C;
}

fn group_of(plane: u32) -> u32 {
  return plane / ${CHANNELS}u;
}
