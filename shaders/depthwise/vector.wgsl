// Depthwise correlation for software adapters, where loads are expensive and shuffles cheap: a load inside a loop is one scalar load
// with two branches per lane, a shuffle is one instruction.
//
// A workgroup is one subgroup's worth of LANES lanes; lane i holds columns ≡ i of ROWS output rows, VECTORS·LANES columns wide.
// Each row of x is loaded once, LANES neighbouring columns per load; a shift by a tap's column is a rotation of two such vectors.
// Rows of taps are loaded once as vectors too, broadcast lane by lane, and carried from one row of x to the next, because
// output row r meets tap row t − r. Vectors of x that lie outside the map are known when the shader is expanded and cost nothing.
// Where the subgroup turns out smaller than LANES, plain sums take over.
enable subgroups;
#import depthwise/common.wgsl
#import depthwise/sum.wgsl
#import depthwise/vector-lanes.wgsl
