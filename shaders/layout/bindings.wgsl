// The first bindings of every change of layout. The importing shader defines Item: one element or four.
#bind read addend?: array<Item> // (n, c, plane)
#bind read source: array<Item> // (n, c, plane) or (n·plane, c)
#bind read gamma?: array<Item> // (c)
#bind read mask?: array<f32> // (n)
#bind read_write out: array<Item> // the other of them
