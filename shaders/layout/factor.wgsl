// The factor of a residual branch before it is added: gamma[channel] · mask[image], of those that the shader binds.
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
