import type { DeviceProfile } from '../../device/profile.ts';
import { Composition, type Operand } from '../compose.ts';
import { flatGrid } from '../dispatches.ts';
import { type LowerContext, type Lowering, type Slot, type Variant, input, output } from '../kernels.ts';
import { matmulKernels } from '../matmul/kernels.ts';
import type { MatmulAttrs } from '../matmul/op.ts';
import { rowSumKernels } from '../row-sum/kernels.ts';
import { type TensorSpec, f32, like } from '../tensor.ts';
import type { ConvShape } from './reference.ts';

/**
 * Dense convolution as a matrix product: weight (co, taps) by the patches (taps, pixels) of each image. A 1×1 convolution needs
 * no patches at all; where kernels do not overlap (patchify, downsample) they are as large as the map. Images with few pixels
 * are folded beside each other, or most of each tile of the product would be empty.
 */

const WORKGROUP = 64;
/** Images with fewer pixels are folded. */
const FEW_PIXELS = 48;

const PRODUCT: MatmulAttrs = { transposeA: false, transposeB: false, bias: 'none' };

/** This way to compute all three passes, where it is possible and pays. */
export function patchesVariants(s: ConvShape, { limits, machine }: DeviceProfile): readonly Variant[] {
  // Software adapters are slow at sharing tiles in workgroup memory: a larger product is quicker there than a tiled convolution.
  const overlaps = s.kh > s.sh || s.kw > s.sw;
  if (s.groups > 1 || (overlaps && machine !== 'processor')) return [];
  if (s.n * s.ci * s.kh * s.kw * s.ho * s.wo * 4 > limits.maxStorageBufferBindingSize) return [];
  return [{ kind: 'patches', folded: s.n > 1 && s.ho * s.wo < FEW_PIXELS }];
}

/** The three passes of one convolution, in terms of matrices. */
class Products extends Composition {
  private readonly s: ConvShape;
  private readonly folded: boolean;
  private readonly weight: Operand;
  /** x or dy: patches are stored as it is. */
  private readonly maps: TensorSpec | undefined;

  constructor(context: LowerContext<unknown>, s: ConvShape, folded: boolean, weight: Slot) {
    super(context.profile);
    this.maps = context.inputs[0];
    this.s = s;
    this.folded = folded;
    this.weight = { slot: weight, spec: f32(s.co, s.ci * s.kh * s.kw) };
  }

  forward(x: Slot, bias: Operand | undefined, y: Slot): void {
    const to = this.folded ? this.allocate(this.matrix(this.s.co)) : undefined;
    const operands = [this.weight, this.patches(this.s, x), ...(bias ? [bias] : [])];
    this.apply(matmulKernels, operands, { ...PRODUCT, bias: bias ? 'rows' : 'none' }, to?.slot ?? y);
    if (to) this.move('patches-sum', this.pixelwise(), to.slot, y);
  }

  gradInput(dy: Slot, dx: Slot): void {
    const { ci, kh, kw } = this.s;
    const to = this.isPointwise(this.s) ? undefined : this.allocate(this.matrix(ci * kh * kw));
    const operands = [this.weight, this.patches(this.pixelwise(), dy)];
    this.apply(matmulKernels, operands, { ...PRODUCT, transposeA: true }, to?.slot ?? dx);
    if (to) this.move('patches-sum', this.s, to.slot, dx);
  }

  gradWeight(x: Slot, dy: Slot): void {
    const operands = [this.patches(this.pixelwise(), dy), this.patches(this.s, x)];
    const attrs = { ...PRODUCT, transposeB: true, reduceBatch: !this.folded };
    this.apply(matmulKernels, operands, attrs, this.weight.slot);
  }

  gradBias(dy: Slot, to: Slot): void {
    const { n, co, ho, wo } = this.s;
    this.apply(rowSumKernels, [{ slot: dy, spec: like(this.maps, n, co, ho * wo) }], {}, to);
  }

  /** The shape of `rows` values for each pixel of all images. */
  private matrix(rows: number) {
    const { n, ho, wo } = this.s;
    return this.folded ? like(this.maps, rows, n * ho * wo) : like(this.maps, n, rows, ho * wo);
  }

  /** A 1×1 convolution over the output's maps, whose patches only change the order of images and channels. */
  private pixelwise(): ConvShape {
    const { co, ho, wo } = this.s;
    return { ...this.s, ci: co, cg: co, h: ho, w: wo, kh: 1, kw: 1, sh: 1, sw: 1, ph: 0, pw: 0 };
  }

  /** Whether the maps themselves are the patches. */
  private isPointwise({ kh, kw, sh, sw, ph, pw }: ConvShape): boolean {
    return !this.folded && kh * kw * sh * sw === 1 && ph + pw === 0;
  }

  private patches(s: ConvShape, maps: Slot): Operand {
    const spec = this.matrix(s.ci * s.kh * s.kw);
    if (this.isPointwise(s)) return { slot: maps, spec };
    const to = this.allocate(spec);
    this.move('patches', s, maps, to.slot);
    return to;
  }

  private move(shader: 'patches' | 'patches-sum', s: ConvShape, from: Slot, to: Slot): void {
    const elements = s.n * s.ci * (shader === 'patches' ? s.kh * s.kw * s.ho * s.wo : s.h * s.w);
    this.dispatches.push({
      shader: `conv2d/${shader}.wgsl`,
      params: { ...shapeParams(s), FOLDED: this.folded, WORKGROUP },
      bindings: shader === 'patches' ? { x: from, patches: to } : { patches: from, x: to },
      grid: flatGrid(Math.ceil(elements / WORKGROUP)),
    });
  }
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

const isFolded = (variant: Variant) => variant['folded'] === true;

export function patchesForward(
  s: ConvShape,
  bias: boolean,
  variant: Variant,
  context: LowerContext<unknown>,
): Lowering {
  const steps = new Products(context, s, isFolded(variant), input(1));
  steps.forward(input(0), bias ? { slot: input(2), spec: f32(s.co) } : undefined, output(0));
  return steps;
}

export function patchesGradInput(s: ConvShape, variant: Variant, context: LowerContext<unknown>): Lowering {
  const steps = new Products(context, s, isFolded(variant), input(1));
  steps.gradInput(input(0), output(0));
  return steps;
}

export function patchesGradWeight(
  s: ConvShape,
  bias: boolean,
  accumulate: readonly boolean[],
  variant: Variant,
  context: LowerContext<unknown>,
): Lowering {
  const steps = new Products(context, s, isFolded(variant), output(0, accumulate[0]));
  steps.gradWeight(input(0), input(1));
  if (bias) steps.gradBias(input(1), output(1, accumulate[1]));
  return steps;
}
