// One row a workgroup, of the student's logits z, the targets t and the teacher's logits u: maxima and sums, added up in a tree of fixed
// order.
#param ROWS: int // rows
#param K: int // classes
#param WORKGROUP: int // invocations a workgroup, a power of two
#param KIND: soft | hard // the teacher's term
#param ALPHA: f32 // share of the teacher's term
#param TEMPERATURE: f32 // logits of the teacher's term are divided by it

var<workgroup> cells: array<vec4f, ${WORKGROUP}>;
var<workgroup> places: array<u32, ${WORKGROUP}>;

struct Row {
  largest: f32, // of z
  taught: f32, // the largest of u
  class_taught: u32, // where that is first
  sums: vec4f, // Σ e^{z − m}, Σ t, Σ t (z − m), Σ e^{(z − m)/τ}
  soft: vec2f, // Σ e^{(u − n)/τ}, Σ e^{(u − n)/τ} ((u − n) − (z − m))/τ
}

fn workgroup_sum(value: vec4f, local: u32) -> vec4f {
  workgroupBarrier();
  cells[local] = value;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      cells[local] += cells[local + half];
    }
  }
  workgroupBarrier();
  return cells[0];
}

// Every invocation must call it.
fn row_of(row: u32, local: u32) -> Row {
  var own = vec2f(-3.4028234663852886e38);
  var place = ${K}u;
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    let at = row * ${K}u + i;
    own.x = max(own.x, load_logits(at));
    let u = load_teacher(at);
    if (u > own.y) {
      own.y = u;
      place = i;
    }
  }
  cells[local] = vec4f(own, 0.0, 0.0);
  places[local] = place;
  for (var half = ${WORKGROUP / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) {
      let other = cells[local + half];
      let mine = cells[local];
      if (other.y > mine.y || (other.y == mine.y && places[local + half] < places[local])) {
        places[local] = places[local + half];
      }
      cells[local] = max(mine, other);
    }
  }
  workgroupBarrier();
  let largest = cells[0].xy;
  let class_taught = places[0];
  var sums = vec4f();
  var soft = vec4f();
  for (var i = local; i < ${K}u; i += ${WORKGROUP}u) {
    let at = row * ${K}u + i;
    let z = load_logits(at) - largest.x;
    let t = load_targets(at);
    let u = load_teacher(at) - largest.y;
    sums += vec4f(exp(z), t, t * z, exp(z / ${TEMPERATURE}));
    soft += vec4f(exp(u / ${TEMPERATURE}), exp(u / ${TEMPERATURE}) * (u - z) / ${TEMPERATURE}, 0.0, 0.0);
  }
  let all_sums = workgroup_sum(sums, local);
  return Row(largest.x, largest.y, class_taught, all_sums, workgroup_sum(soft, local).xy);
}
