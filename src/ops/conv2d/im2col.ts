import type { DeviceProfile } from '../../device/profile.ts';
import { defined } from '../../util/errors.ts';
import { flatGrid } from '../dispatches.ts';
import { type ContextOf, type Dispatch, type Operand, reshaped, scratch } from '../kernels.ts';
import { matmulKernels } from '../matmul/kernels.ts';
import type { MatmulAttrs } from '../matmul/op.ts';
import { sumRows } from '../row-sum/kernels.ts';
import { type TensorSpec, like } from '../tensor.ts';
import type { conv2d, conv2dGradInput, conv2dGradWeight } from './op.ts';
import type { ConvShape } from './reference.ts';

/**
 * Dense convolution as a matmul: weight (co, taps) times the columns (taps, pixels) that im2col makes of each image. A 1×1 convolution
 * needs no im2col. Where windows do not overlap (patchify, downsample) the columns are as large as the map. Images with few pixels are
 * folded: their columns lie side by side, because otherwise most of each matmul tile would be empty.
 */
export type Im2col = { readonly kind: 'im2col'; readonly folded: boolean };

const WORKGROUP = 64;
/** Images with fewer pixels are folded. */
const FEW_PIXELS = 48;

/** The variant, where it is possible and pays. */
export function im2colVariants(s: ConvShape, { limits, machine }: DeviceProfile): readonly Im2col[] {
  // Software adapters share tiles in workgroup memory slowly, so a larger matmul beats a tiled convolution there.
  const overlaps = s.kh > s.sh || s.kw > s.sw;
  if (s.groups > 1 || (overlaps && machine !== 'processor')) return [];
  if (s.n * s.ci * s.kh * s.kw * s.ho * s.wo * 4 > limits.maxStorageBufferBindingSize) return [];
  return [{ kind: 'im2col', folded: s.n > 1 && s.ho * s.wo < FEW_PIXELS }];
}

/** A matmul by its first variant. */
function gemm(
  profile: DeviceProfile,
  inputs: { readonly a: Operand; readonly b: Operand; readonly bias?: Operand | undefined },
  y: Operand,
  attrs: Partial<MatmulAttrs>,
): readonly Dispatch[] {
  const all = { transposeA: false, transposeB: false, bias: 'none', ...attrs } as const;
  const context = { profile, inputs, outputs: { y }, attrs: all };
  return matmulKernels.lower(context, defined(matmulKernels.variants(context)[0], 'variant'));
}

/** Scratch of the same type as `maps`: `rows` values for each pixel of all images. */
function matrix(s: ConvShape, { folded }: Im2col, maps: TensorSpec, rows: number): TensorSpec {
  const pixels = s.ho * s.wo;
  return folded ? like(maps, rows, s.n * pixels) : like(maps, s.n, rows, pixels);
}

/** A 1×1 convolution over the output's maps. Its columns only swap images and channels. */
function pixelwise(s: ConvShape): ConvShape {
  const { co, ho, wo } = s;
  return { ...s, ci: co, cg: co, h: ho, w: wo, kh: 1, kw: 1, sh: 1, sw: 1, ph: 0, pw: 0 };
}

/** Whether the maps are already the columns. */
function isPointwise({ kh, kw, sh, sw, ph, pw }: ConvShape, { folded }: Im2col): boolean {
  return !folded && kh * kw * sh * sw === 1 && ph + pw === 0;
}

/** The columns of maps, and the dispatches that make them. */
function im2col(s: ConvShape, variant: Im2col, maps: Operand): [columns: Operand, steps: Dispatch[]] {
  const { shape } = matrix(s, variant, maps, s.ci * s.kh * s.kw);
  if (isPointwise(s, variant)) return [reshaped(maps, ...shape), []];
  const columns = scratch(like(maps, ...shape));
  const elements = s.n * s.ci * s.kh * s.kw * s.ho * s.wo;
  return [columns, [move('im2col', s, variant, { x: maps, columns }, elements)]];
}

/** col2im: sums columns into maps. */
function col2im(s: ConvShape, variant: Im2col, columns: Operand, x: Operand): Dispatch {
  return move('col2im', s, variant, { x, columns }, s.n * s.ci * s.h * s.w);
}

function move(
  shader: string,
  s: ConvShape,
  { folded }: Im2col,
  bindings: Dispatch['bindings'],
  elements: number,
): Dispatch {
  return {
    shader: `conv2d/${shader}.wgsl`,
    params: { ...shapeParams(s), FOLDED: folded, WORKGROUP },
    bindings,
    grid: flatGrid(Math.ceil(elements / WORKGROUP)),
  };
}

/** The parameters of conv2d/shape.wgsl. */
export function shapeParams(s: ConvShape): Record<string, number> {
  return {
    BATCH: s.n,
    CI: s.ci,
    H: s.h,
    W: s.w,
    CO: s.co,
    CG: s.cg,
    KH: s.kh,
    KW: s.kw,
    SH: s.sh,
    SW: s.sw,
    PH: s.ph,
    PW: s.pw,
    GROUPS: s.groups,
    HO: s.ho,
    WO: s.wo,
  };
}

/** The weight as (co, taps). */
function asMatrix(s: ConvShape, weight: Operand): Operand {
  return reshaped(weight, s.co, s.ci * s.kh * s.kw);
}

export function im2colForward(
  s: ConvShape,
  variant: Im2col,
  { inputs: { x, weight, bias }, outputs: { y }, profile }: ContextOf<typeof conv2d>,
): readonly Dispatch[] {
  const [b, before] = im2col(s, variant, x);
  const to = matrix(s, variant, x, s.co);
  const result = variant.folded ? scratch(to) : reshaped(y, ...to.shape);
  const after = variant.folded ? [col2im(pixelwise(s), variant, result, y)] : [];
  const inputs = { a: asMatrix(s, weight), b, bias };
  return [...before, ...gemm(profile, inputs, result, { bias: bias ? 'rows' : 'none' }), ...after];
}

export function im2colGradInput(
  s: ConvShape,
  variant: Im2col,
  { inputs: { dy, weight }, outputs: { dx }, profile }: ContextOf<typeof conv2dGradInput>,
): readonly Dispatch[] {
  const [b, before] = im2col(pixelwise(s), variant, dy);
  const to = matrix(s, variant, dy, s.ci * s.kh * s.kw);
  const isWhole = isPointwise(s, variant);
  const result = isWhole ? reshaped(dx, ...to.shape) : scratch(to);
  const after = isWhole ? [] : [col2im(s, variant, result, dx)];
  const inputs = { a: asMatrix(s, weight), b };
  return [...before, ...gemm(profile, inputs, result, { transposeA: true }), ...after];
}

export function im2colGradWeight(
  s: ConvShape,
  variant: Im2col,
  { inputs: { x, dy }, outputs: { dweight, dbias }, profile }: ContextOf<typeof conv2dGradWeight>,
): readonly Dispatch[] {
  const [a, left] = im2col(pixelwise(s), variant, dy);
  const [b, right] = im2col(s, variant, x);
  const attrs = { transposeB: true, reduceBatch: !variant.folded };
  return [
    ...left,
    ...right,
    ...gemm(profile, { a, b }, asMatrix(s, dweight), attrs),
    ...(dbias ? sumRows(reshaped(dy, s.n, s.co, s.ho * s.wo), dbias, profile) : []),
  ];
}
