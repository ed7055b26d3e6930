// The state of dynamic loss scaling; fields as in SCALER of src/ops/loss-scale/op.ts.
struct Scaler {
  scale: f32,
  good: f32,
  used: f32,
  skipped: f32,
}
