import { accumulate } from './accumulate.ts';
import { add } from './add.ts';
import { gelu, geluGradient } from './gelu.ts';
import type { AnyOp } from './op.ts';

/** Every op of the project: `largekernel kernels` lists them, `largekernel doctor` proves them on the user's adapter. */
export const OPS: readonly AnyOp[] = [accumulate, add, gelu, geluGradient];
