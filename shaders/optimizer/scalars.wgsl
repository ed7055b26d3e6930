// What a step reads besides its vectors; fields as in SCALARS of src/kernels/optimizer.ts.
struct Scalars {
  decay: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  eps: f32,
  step_size: f32,
  root_correction: f32,
  gradient_scale: f32,
  apply: f32,
  lr: f32,
  momentum: f32,
  weight_decay: f32,
  ema_decay: f32,
  ema_rest: f32,
  max_norm: f32,
}
