import { sumParts } from './column-sum.ts';
import { eachResidual, type ResidualSize } from './scale-residual.reference.ts';
import {
  elems,
  f32,
  like,
  flatGrid,
  input,
  memoryCost,
  output,
  scratch,
  shapeError,
  showShape,
  type DeviceTraits,
  type Dispatch,
  type Lowering,
  type Op,
  type Slot,
  type TensorSpec,
  type Variant,
} from './op.ts';
import { defined } from '../util/errors.ts';

export interface ScaleResidualAttrs {
  /** Layout of the branch: rows (n·h·w, c) or maps. */
  readonly from: 'rows' | 'nchw';
  /** A layer scale gamma (c) is an input. */
  readonly gamma: boolean;
  /** A drop-path mask (n) of 0 and 1/(1 − p) is an input. */
  readonly mask: boolean;
}

const TILE = 32;
const WORKGROUP = 256;

function residualSize(
  name: string,
  maps: TensorSpec | undefined,
  branch: TensorSpec | undefined,
  [gamma, mask]: readonly (TensorSpec | undefined)[],
  { from }: ScaleResidualAttrs,
): ResidualSize {
  const shape = maps?.shape ?? [];
  const [n = 0, c = 0] = shape;
  if (shape.length !== 4) throw shapeError(name, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  const plane = elems(shape) / (n * c);
  const expected = from === 'rows' ? [n * plane, c] : shape;
  if (branch !== undefined && showShape(branch.shape) !== showShape(expected))
    throw shapeError(name, `branch is ${showShape(branch.shape)}, expected ${showShape(expected)}`);
  if (gamma !== undefined && showShape(gamma.shape) !== showShape([c]))
    throw shapeError(name, `gamma is ${showShape(gamma.shape)}, expected (${c})`);
  if (mask !== undefined && showShape(mask.shape) !== showShape([n]))
    throw shapeError(name, `mask is ${showShape(mask.shape)}, expected (${n})`);
  return { n, c, plane, rows: from === 'rows' };
}

/** Splits an op's inputs into `lead` tensors, gamma and mask. */
function split<T>(
  name: string,
  inputs: readonly T[],
  lead: number,
  { gamma, mask }: ScaleResidualAttrs,
): { lead: readonly T[]; gamma: T | undefined; mask: T | undefined } {
  const expected = lead + Number(gamma) + Number(mask);
  if (inputs.length !== expected)
    throw shapeError(
      name,
      `takes ${expected} inputs with gamma ${gamma} and mask ${mask}, got ${inputs.length}`,
    );
  return {
    lead: inputs.slice(0, lead),
    gamma: gamma ? inputs[lead] : undefined,
    mask: mask ? inputs[lead + Number(gamma)] : undefined,
  };
}

/**
 * A change of layout in blocks of 4×4 where four divides both sizes, else through tiles (`isPlain`: element by element); `run`
 * tiles of rows a workgroup.
 */
function relayout(
  { n, c, plane }: ResidualSize,
  toRows: boolean,
  slots: {
    addend?: Slot;
    source: Slot;
    gamma?: Slot | undefined;
    mask?: Slot | undefined;
    dot?: { branch: Slot; parts: Slot };
  },
  run = 1,
  isPlain = false,
): Dispatch {
  const { addend, source, gamma, mask, dot } = slots;
  const rows = n * plane;
  const bindings = [addend, source, gamma, mask, output(0), dot?.branch, dot?.parts].filter(
    (slot) => slot !== undefined,
  );
  const params = {
    ROWS: rows,
    COLS: c,
    PLANE: plane,
    TO_ROWS: Number(toRows),
    ADD: Number(addend !== undefined),
    GAMMA: Number(gamma !== undefined),
    MASK: Number(mask !== undefined),
  };
  if (isPlain) {
    const grid = flatGrid(Math.ceil((rows * c) / WORKGROUP));
    return { shader: 'scale-residual/plain-layout.wgsl', params: { ...params, WORKGROUP }, bindings, grid };
  }
  const inQuads = c % 4 === 0 && plane % 4 === 0;
  return {
    shader: `scale-residual/${inQuads ? 'quads' : 'layout'}.wgsl`,
    params: { ...params, DOT: Number(dot !== undefined), RUN: run },
    bindings,
    grid: flatGrid(Math.ceil(Math.ceil(rows / TILE) / run) * Math.ceil(c / TILE)),
  };
}

/** SwiftShader switches between the invocations of a workgroup at each barrier, which costs more than a scattered read. */
function layoutVariants({ features }: DeviceTraits): readonly Variant[] {
  return [{ kind: features.has('swiftshader') ? 'plain' : 'tiles' }];
}

const maps = f32(3, 37, 5, 7);
const rows = f32(105, 37);

/**
 * y = x + mask[n] gamma[c] branch: layer scale, drop path and residual connection, and the way back from rows to maps.
 * Inputs: x (n, c, h, w), branch, gamma (c) and mask (n) as the attributes say. Output: (n, c, h, w).
 */
export const scaleResidual: Op<ScaleResidualAttrs> = {
  name: 'scale-residual',
  examples: [
    { inputs: [maps, rows, f32(37), f32(3)], attrs: { from: 'rows', gamma: true, mask: true } },
    { inputs: [maps, maps, f32(37), f32(3)], attrs: { from: 'nchw', gamma: true, mask: true } },
  ],
  infer(inputs, attrs) {
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    residualSize('scale-residual', lead[0], lead[1], [gamma, mask], attrs);
    return [like(lead[0], ...(lead[0]?.shape ?? []))];
  },
  cost: memoryCost,
  variants: layoutVariants,
  lower({ inputs, attrs }, variant): Lowering {
    const size = residualSize('scale-residual', inputs[0], inputs[1], [], attrs);
    const slots = split(
      'scale-residual',
      inputs.map((_, i) => input(i)),
      2,
      attrs,
    );
    if (attrs.from === 'rows')
      return {
        scratch: [],
        dispatches: [
          relayout(
            size,
            false,
            { addend: input(0), source: input(1), gamma: slots.gamma, mask: slots.mask },
            1,
            variant['kind'] === 'plain',
          ),
        ],
      };
    const n = size.n * size.c * size.plane;
    const dispatch: Dispatch = {
      shader: 'scale-residual/maps.wgsl',
      params: {
        N: n,
        COLS: size.c,
        PLANE: size.plane,
        GAMMA: Number(attrs.gamma),
        MASK: Number(attrs.mask),
        WORKGROUP,
      },
      bindings: [...inputs.map((_, i) => input(i)), output(0)],
      grid: flatGrid(Math.ceil(n / WORKGROUP)),
    };
    return { scratch: [], dispatches: [dispatch] };
  },
  reference(inputs, specs, attrs) {
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    const [x, branch] = lead as [Float64Array, Float64Array];
    const y = new Float64Array(x.length);
    const size = residualSize('scale-residual', specs[0], specs[1], [], attrs);
    eachResidual(size, gamma, mask, (at, branchAt, factor) => {
      y[at] = (x[at] as number) + factor * (branch[branchAt] as number);
    });
    return [y];
  },
  gradient(graph, { inputs, attrs }, [dy], needs) {
    if (dy === undefined) return [];
    const { lead, gamma, mask } = split('scale-residual', inputs, 2, attrs);
    const rest = [gamma, mask].filter((tensor) => tensor !== undefined);
    const wanted = needs[1] === true || (attrs.gamma && needs[2] === true);
    const branch = attrs.gamma ? [defined(lead[1], 'branch')] : [];
    const plain = !attrs.gamma && !attrs.mask && attrs.from === 'nchw';
    const [dbranch, dgamma] = !wanted
      ? []
      : plain
        ? [dy]
        : graph.apply(scaleResidualGradient, [...branch, dy, ...rest], attrs);
    return [dy, dbranch, ...(attrs.gamma ? [dgamma] : [])];
  },
};

/**
 * Gradients of the branch and of gamma. Inputs: branch (only with gamma), dy (n, c, h, w), gamma (c), mask (n).
 * Outputs: dbranch in the branch's layout, dgamma (c) with gamma.
 */
export const scaleResidualGradient: Op<ScaleResidualAttrs> = {
  name: 'scale-residual-gradient',
  examples: [
    { inputs: [rows, maps, f32(37), f32(3)], attrs: { from: 'rows', gamma: true, mask: true } },
    { inputs: [maps, maps, f32(37), f32(3)], attrs: { from: 'nchw', gamma: true, mask: true } },
    { inputs: [maps, f32(3)], attrs: { from: 'rows', gamma: false, mask: true } },
  ],
  infer(inputs, attrs) {
    const { dy, branch, gamma, mask } = gradientInputs(inputs, attrs);
    const { n, c, plane } = residualSize('scale-residual-gradient', dy, branch, [gamma, mask], attrs);
    const dbranch = attrs.from === 'rows' ? like(dy, n * plane, c) : like(dy, ...(dy?.shape ?? []));
    return attrs.gamma ? [dbranch, f32(c)] : [dbranch];
  },
  cost: memoryCost,
  accumulates: [1],
  variants: layoutVariants,
  lower({ inputs, attrs, accumulate }, variant): Lowering {
    const slots = gradientInputs(
      inputs.map((_, i) => input(i)),
      attrs,
    );
    const { dy } = gradientInputs(inputs, attrs);
    const size = residualSize('scale-residual-gradient', dy, undefined, [], attrs);
    const first =
      attrs.from === 'nchw'
        ? gradientInMaps(size, slots)
        : variant['kind'] === 'plain'
          ? gradientToRowsPlain(size, slots)
          : gradientToRows(size, slots);
    if (!attrs.gamma) return { scratch: [], dispatches: first.dispatches };
    return {
      scratch: [f32(first.parts, size.c)],
      dispatches: [
        ...first.dispatches,
        sumParts(scratch(0), output(1), size.c, first.parts, accumulate[1] === true),
      ],
    };
  },
  reference(inputs, specs, attrs) {
    const { dy, branch, gamma, mask } = gradientInputs(inputs, attrs);
    const size = residualSize(
      'scale-residual-gradient',
      gradientInputs(specs, attrs).dy,
      undefined,
      [],
      attrs,
    );
    const gradient = dy as Float64Array;
    const dbranch = new Float64Array(gradient.length);
    const dgamma = new Float64Array(size.c);
    eachResidual(size, gamma, mask, (at, branchAt, factor, kept, channel) => {
      const d = gradient[at] as number;
      dbranch[branchAt] = factor * d;
      dgamma[channel] = (dgamma[channel] as number) + kept * d * (branch?.[branchAt] ?? 0);
    });
    return attrs.gamma ? [dbranch, dgamma] : [dbranch];
  },
};

interface GradientInputs<T> {
  readonly branch: T | undefined;
  readonly dy: T | undefined;
  readonly gamma: T | undefined;
  readonly mask: T | undefined;
}

function gradientInputs<T>(inputs: readonly T[], attrs: ScaleResidualAttrs): GradientInputs<T> {
  const { lead, gamma, mask } = split('scale-residual-gradient', inputs, attrs.gamma ? 2 : 1, attrs);
  const [branch, dy] = attrs.gamma ? lead : [undefined, lead[0]];
  return { branch, dy, gamma, mask };
}

/** Tiles of rows one partial sum of dgamma covers. */
const RUN = 8;

interface GradientStage {
  readonly dispatches: readonly Dispatch[];
  /** Partial sums of dgamma in scratch. */
  readonly parts: number;
}

function gradientToRows(size: ResidualSize, slots: GradientInputs<Slot>): GradientStage {
  const { branch, gamma, mask } = slots;
  const source = defined(slots.dy, 'dy');
  const run = branch === undefined ? 1 : RUN;
  const dot = branch === undefined ? {} : { dot: { branch, parts: scratch(0) } };
  return {
    dispatches: [relayout(size, true, { source, gamma, mask, ...dot }, run)],
    parts: Math.ceil(Math.ceil((size.n * size.plane) / TILE) / run),
  };
}

/** Rows one partial sum of dgamma covers where there are no tiles. */
const PLAIN_RUN = 64;

function gradientToRowsPlain(size: ResidualSize, slots: GradientInputs<Slot>): GradientStage {
  const { branch, gamma, mask } = slots;
  const source = defined(slots.dy, 'dy');
  const layout = relayout(size, true, { source, gamma, mask }, 1, true);
  if (branch === undefined) return { dispatches: [layout], parts: 0 };
  const rows = size.n * size.plane;
  const parts = Math.ceil(rows / PLAIN_RUN);
  const dot: Dispatch = {
    shader: 'scale-residual/plain-dot.wgsl',
    params: {
      ROWS: rows,
      COLS: size.c,
      PLANE: size.plane,
      RUN: PLAIN_RUN,
      MASK: Number(mask !== undefined),
      WORKGROUP: 64,
    },
    bindings: [source, branch, ...(mask ? [mask] : []), scratch(0)],
    grid: flatGrid(Math.ceil((parts * size.c) / 64)),
  };
  return { dispatches: [layout, dot], parts };
}

function gradientInMaps(
  { n, c, plane }: ResidualSize,
  { branch, dy, gamma, mask }: GradientInputs<Slot>,
): GradientStage {
  const bindings = [dy, output(0), mask, gamma, branch, gamma && scratch(0)];
  const dispatch: Dispatch = {
    shader: 'scale-residual/maps-gradient.wgsl',
    params: {
      PLANES: n * c,
      COLS: c,
      PLANE: plane,
      GAMMA: Number(gamma !== undefined),
      MASK: Number(mask !== undefined),
      WORKGROUP: 64,
    },
    bindings: bindings.filter((slot) => slot !== undefined),
    grid: flatGrid(n * c),
  };
  return { dispatches: [dispatch], parts: n };
}

/** Maps (n, c, h, w) to rows (n·h·w, c). */
export const toRows: Op<Readonly<Record<string, never>>> = {
  name: 'to-rows',
  examples: [{ inputs: [maps], attrs: {} }],
  infer([x]) {
    const { n, c, plane } = mapsSize('to-rows', x?.shape ?? []);
    return [like(x, n * plane, c)];
  },
  cost: memoryCost,
  variants: () => [{ kind: 'tiles' }],
  lower: ({ inputs: [x] }) => ({
    scratch: [],
    dispatches: [relayout(mapsSize('to-rows', x?.shape ?? []), true, { source: input(0) })],
  }),
  reference([x], [spec]) {
    const y = new Float64Array((x as Float64Array).length);
    const size = mapsSize('to-rows', spec?.shape ?? []);
    eachResidual(size, undefined, undefined, (at, rowAt) => (y[rowAt] = (x as Float64Array)[at] as number));
    return [y];
  },
  gradient(graph, { inputs }, [dy]) {
    const [n = 0, , h = 0, w = 0] = inputs[0]?.spec.shape ?? [];
    return [dy && graph.one(toMaps, [dy], { n, h, w })];
  },
};

/** Rows (n·h·w, c), in (n, h, w) order, to maps (n, c, h, w). */
export const toMaps: Op<{ readonly n: number; readonly h: number; readonly w: number }> = {
  name: 'to-maps',
  examples: [{ inputs: [rows], attrs: { n: 3, h: 5, w: 7 } }],
  infer([x], { n, h, w }) {
    const [count, c = 0] = x?.shape ?? [];
    if (x?.shape.length !== 2 || count !== n * h * w)
      throw shapeError(
        'to-maps',
        `x is ${showShape(x?.shape ?? [])}, expected (${n * h * w}, c) for ${n} maps of ${h}×${w}`,
      );
    return [like(x, n, c, h, w)];
  },
  cost: memoryCost,
  variants: () => [{ kind: 'tiles' }],
  lower: ({ outputs: [y] }) => ({
    scratch: [],
    dispatches: [relayout(mapsSize('to-maps', y?.shape ?? []), false, { source: input(0) })],
  }),
  reference([x], [spec], { n, h, w }) {
    const y = new Float64Array((x as Float64Array).length);
    const size = mapsSize('to-maps', [n, spec?.shape[1] ?? 0, h, w]);
    eachResidual(size, undefined, undefined, (at, rowAt) => (y[at] = (x as Float64Array)[rowAt] as number));
    return [y];
  },
  gradient: (graph, _node, [dy]) => [dy && graph.one(toRows, [dy], {})],
};

function mapsSize(name: string, shape: readonly number[]): ResidualSize {
  const [n = 0, c = 0, h = 0, w = 0] = shape;
  if (shape.length !== 4) throw shapeError(name, `needs maps (n, c, h, w), got ${showShape(shape)}`);
  return { n, c, plane: h * w, rows: true };
}
