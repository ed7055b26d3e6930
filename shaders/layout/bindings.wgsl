// What every change of layout binds first; the shader says whether an Item is one element or four.
#bind read addend?: array<Item> // (n, c, plane)
#bind read source: array<Item> // (n, c, plane) or (n·plane, c)
#bind read gamma?: array<Item> // (c)
#bind read mask?: array<f32> // (n)
#bind read_write out: array<Item> // the other of them
