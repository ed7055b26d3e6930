// What the passes of attention have in common. A lane owns OWNED tokens, and of their rows every SPLIT-th item, in arrays [column]; all
// lanes of a workgroup meet the tokens of the same head one after the other: queries meet keys, or keys meet queries.
// GPUs: rows of TILE tokens that are met lie in workgroup memory, and SPLIT neighbours of a subgroup add up their shares of a dot product.
// Processors (STAGED false): a workgroup is one subgroup, run as one vector. There a load is one scalar load a lane, a broadcast one
// instruction: a row that is met is loaded once, an item a lane, and broadcast; no barrier, no workgroup memory.
// Workgroup memory: 8·TILE·SIZE bytes.
#if !STAGED || SPLIT > 1
enable subgroups;
#endif
#param LANES: int // invocations a workgroup; of processors, a subgroup
#param OWNED: int // tokens of a lane: 1, 2 or 4
#param SPLIT: int // lanes that share a token's columns: 1, 2 or 4; on processors 1
#param STAGED: bool // what is met lies in workgroup memory
#param MET: int // tokens that are met at once: 1; on processors 1 or 2
#param TILE: int // tokens in workgroup memory
#import attention/head.wgsl

// A number for each of a lane's tokens.
#type Lane = OWNED == 4 ? vec4f : OWNED == 2 ? vec2f : f32

const BLOCKS = ${ceildiv(TOKENS, LANES / SPLIT * OWNED)}u;
const GROUPS = ${BATCH * HEADS * ceildiv(TOKENS, LANES / SPLIT * OWNED)}u;

// The number of one of a lane's tokens.
fn of_token(value: Lane, owned: u32) -> f32 {
#if OWNED == 1
  return value;
#else
  return value[owned];
#endif
}

// One of a lane's tokens, perhaps past the last.
fn own_token(group: u32, lane: u32, owned: u32) -> u32 {
  return group % BLOCKS * ${LANES / SPLIT * OWNED}u + owned * ${LANES / SPLIT}u + lane / ${SPLIT}u;
}

// Items of a lane. Compilers for processors do not see how many: an unrolled loop over them would take them longer than all else.
fn own_items(groups: vec3u) -> u32 {
#if STAGED
  return ${SIZE / PER / SPLIT}u;
#else
  return min(ITEMS, groups.z * 65536u);
#endif
}

// A lane's shares of dot products become the whole.
fn whole(share: Lane) -> Lane {
  var sum = share;
#if SPLIT > 1
  sum += subgroupShuffleXor(sum, 1u);
#endif
#if SPLIT > 2
  sum += subgroupShuffleXor(sum, 2u);
#endif
  return sum;
}

#if STAGED
var<workgroup> met_a: array<Item, ${TILE * (SIZE / PER)}>; // [token][item]
var<workgroup> met_b: array<Item, ${TILE * (SIZE / PER)}>;
#endif
