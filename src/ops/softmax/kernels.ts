import type { DeviceProfile } from '../../device/profile.ts';
import { flatGrid } from '../dispatches.ts';
import type { Dispatch, Kernels, Operand } from '../kernels.ts';
import { elems } from '../tensor.ts';
import { colsOf, softmax, softmaxGradient } from './op.ts';

/** Invocations that share a row; processors take a row each, because there a barrier costs more than what it saves. */
type SoftmaxVariant = { readonly kind: 'rows' | 'processor'; readonly lanes: number };

const WORKGROUP = 64;

function variants(cols: number, { machine }: DeviceProfile): readonly SoftmaxVariant[] {
  if (machine === 'processor') return [{ kind: 'processor', lanes: 1 }];
  const wide = { kind: 'rows', lanes: 256 } as const;
  const narrow = { kind: 'rows', lanes: 32 } as const;
  return cols <= 256 ? [narrow, wide] : [wide, narrow];
}

function rowwise(
  pass: string,
  out: Operand,
  { lanes }: SoftmaxVariant,
  bindings: Dispatch['bindings'],
): Dispatch {
  const cols = colsOf(out);
  const rows = elems(out.shape) / cols;
  const workgroup = Math.max(lanes, WORKGROUP);
  return {
    shader: `softmax/${pass}.wgsl`,
    params: { ROWS: rows, COLS: cols, LANES: lanes, WORKGROUP: workgroup },
    bindings,
    grid: flatGrid(Math.ceil((rows * lanes) / workgroup)),
  };
}

export const softmaxKernels: Kernels<typeof softmax, SoftmaxVariant> = {
  op: softmax,
  variants: ({ inputs, profile }) => variants(colsOf(inputs.x), profile),
  lower: ({ inputs, outputs }, variant) => [
    rowwise('forward', outputs.y, variant, { ...inputs, ...outputs }),
  ],
};

export const softmaxGradientKernels: Kernels<typeof softmaxGradient, SoftmaxVariant> = {
  op: softmaxGradient,
  variants: ({ inputs, profile }) => variants(colsOf(inputs.y), profile),
  lower: ({ inputs, outputs }, variant) => [
    rowwise('gradient', outputs.dx, variant, { ...inputs, ...outputs }),
  ],
};

export const kernels = [softmaxKernels, softmaxGradientKernels];
