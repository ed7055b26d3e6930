// A value back in the ball around the clean pixel and in the range of its channel, widened to the pixel where that lies outside.
#param CHANNELS: int // c
#param PIXELS: int // h·w

fn inside(v: f32, clean: f32, eps: f32, low: f32, high: f32) -> f32 {
  let near = clamp(v, clean - eps, clean + eps);
  return clamp(near, min(low, clean), max(high, clean));
}

fn channel_of(i: u32) -> u32 {
  return (i / ${PIXELS}u) % ${CHANNELS}u;
}
