// The steps of a tiled matmul: DEPTH of the inner dimension each, through all SUMMED matrices, split into SPLIT_K parts whose sums
// go to scratch.
#param SUMMED: int // matrices summed into each of y
#param SPLIT_K: int // splits of the inner dimension
#param DEPTH: int // inner size of a tile, a multiple of 4

const STEPS = ${ceildiv(K, DEPTH)}u;
const ALL_STEPS = ${SUMMED * ceildiv(K, DEPTH)}u;
const SPLIT_STEPS = ${ceildiv(SUMMED * ceildiv(K, DEPTH), SPLIT_K)}u;
