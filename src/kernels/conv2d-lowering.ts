import { flatGrid, input, output, type Dispatch, type Lowering, type Slot, type Variant } from './op.ts';
import type { ConvShape } from './conv2d.reference.ts';

/** How each of the three convolution ops runs on a device. */

export type ConvPass = 'forward' | 'grad-input' | 'grad-weight';

const WORKGROUP = 64;

/** Ways to compute one pass of a convolution, best guess first. */
export function convVariants(_pass: ConvPass, _s: ConvShape): readonly Variant[] {
  return [{ kind: 'direct' }];
}

/** The parameters of conv2d/shape.wgsl. */
function shapeParams(s: ConvShape): Record<string, number> {
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

function direct(
  s: ConvShape,
  pass: ConvPass,
  bindings: readonly Slot[],
  groups: number,
  params: Readonly<Record<string, number>>,
): Dispatch {
  return {
    shader: `conv2d/direct-${pass}.wgsl`,
    params: { ...shapeParams(s), WORKGROUP, ...params },
    bindings,
    grid: flatGrid(groups),
  };
}

export function lowerForward(s: ConvShape, bias: boolean, _variant: Variant): Lowering {
  const bindings = [input(0), input(1), ...(bias ? [input(2)] : []), output(0)];
  const groups = Math.ceil((s.n * s.co * s.ho * s.wo) / WORKGROUP);
  return { scratch: [], dispatches: [direct(s, 'forward', bindings, groups, { BIAS: bias ? 1 : 0 })] };
}

export function lowerGradInput(s: ConvShape, _variant: Variant): Lowering {
  const groups = Math.ceil((s.n * s.ci * s.h * s.w) / WORKGROUP);
  return {
    scratch: [],
    dispatches: [direct(s, 'grad-input', [input(0), input(1), output(0)], groups, {})],
  };
}

export function lowerGradWeight(
  s: ConvShape,
  bias: boolean,
  accumulate: readonly boolean[],
  _variant: Variant,
): Lowering {
  const bindings = [input(0), input(1), output(0), ...(bias ? [output(1)] : [])];
  const params = {
    BIAS: bias ? 1 : 0,
    ACCUMULATE_WEIGHT: accumulate[0] === true ? 1 : 0,
    ACCUMULATE_BIAS: accumulate[1] === true ? 1 : 0,
  };
  return {
    scratch: [],
    dispatches: [direct(s, 'grad-weight', bindings, s.co * s.cg * s.kh * s.kw, params)],
  };
}
