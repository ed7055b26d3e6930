// Flat vectors as items of WIDTH elements.
#param ITEMS items
#param WIDTH elements an item, 1 or 4
#import optimizer/scalars.wgsl
#import common/flat.wgsl

#if WIDTH == 4
alias Item = vec4f;
#else
alias Item = f32;
#endif
