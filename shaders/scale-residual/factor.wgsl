// What a branch is multiplied by before it is added.
#param GAMMA 1: a factor a channel, `gamma`
#param MASK 1: a factor an image, `mask`

fn factor(image: u32, channel: u32) -> f32 {
  var result = 1.0;
#if GAMMA
  result *= gamma[channel];
#endif
#if MASK
  result *= mask[image];
#endif
  return result;
}
