// What every change of layout binds first; the shader says whether an Item is one element or four.
#param ADD 1: an addend in map layout
#param GAMMA 1: a factor a channel
#param MASK 1: a factor an image

#if ADD
@group(0) @binding(0) var<storage, read> addend: array<Item>; // (n, c, plane)
#endif
@group(0) @binding(${ADD}) var<storage, read> source: array<Item>;
#if GAMMA
@group(0) @binding(${ADD + 1}) var<storage, read> gamma: array<Item>; // (c)
#endif
#if MASK
@group(0) @binding(${ADD + GAMMA + 1}) var<storage, read> mask: array<f32>; // (n)
#endif
@group(0) @binding(${ADD + GAMMA + MASK + 1}) var<storage, read_write> out: array<Item>;
