// Depthwise correlation with strides, or with several output channels an input channel, as vector.wgsl computes the plain one: nothing is
// copied, each plane is read and written where its elements lie.
enable subgroups;
#param DBIAS: bool // never: the bias has a kernel of its own
#import depthwise/strided-maps.wgsl
#import depthwise/sum.wgsl
#import depthwise/vector-lanes.wgsl
