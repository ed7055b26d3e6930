// The state of dynamic loss scaling, with the fields of SCALER in src/ops/loss-scale/op.ts.
struct Scaler {
  scale: f32,
  good: f32,
  used: f32,
  skipped: f32,
}
