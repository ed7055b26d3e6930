// What a branch is multiplied by before it is added, where a shader binds `gamma` (channels) and `mask` (images).
fn factor(image: u32, channel: u32) -> f32 {
  var result = 1.0;
#if bound(gamma)
  result *= load_gamma(channel);
#endif
#if bound(mask)
  result *= load_mask(image);
#endif
  return result;
}
