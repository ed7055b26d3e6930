// Flat vectors as items of WIDTH elements.
#param ITEMS: int // items
#param WIDTH: int // elements per item, 1 or 4
#import optimizer/scalars.wgsl
#import common/flat.wgsl

#type Item = WIDTH == 4 ? vec4f : f32
