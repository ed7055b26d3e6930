import { FrameworkError } from '../util/errors.ts';
import { Rng } from '../util/rng.ts';

/** Declarations of a model's tensors, and their initial values. No graph, no device. */

/** How a tensor starts, as data. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  /** Normal(0, std²), redrawn while its absolute value exceeds `bound`, then multiplied by `scale`. */
  | { readonly kind: 'trunc-normal'; readonly std: number; readonly bound: number; readonly scale: number }
  | { readonly kind: 'normal'; readonly std: number }
  /** Uniform in ±bound. */
  | { readonly kind: 'uniform'; readonly bound: number };

export const ZERO: Initializer = { kind: 'constant', value: 0 };
export const ONE: Initializer = { kind: 'constant', value: 1 };

export function constant(value: number): Initializer {
  return { kind: 'constant', value };
}

/**
 * timm's `trunc_normal_(std=.02)`: the bounds are the absolute numbers ±2, a hundred standard deviations.
 * @param scale ConvNeXt's `head_init_scale`
 */
export function truncNormal(std = 0.02, scale = 1): Initializer {
  return { kind: 'trunc-normal', std, bound: 2, scale };
}

/** The default of torch.nn.Conv2d and torch.nn.Linear for weight and bias: uniform in ±1/√fan_in. */
export function torchDefault(fanIn: number): Initializer {
  return { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
}

/** `kaiming_normal_(mode, nonlinearity='relu')`: N(0, 2/fan). fan_out is Cout·kh·kw, whatever the number of groups. */
export function kaimingNormal(fan: number): Initializer {
  return { kind: 'normal', std: Math.sqrt(2 / fan) };
}

/**
 * - `parameter`: trained
 * - `state`: kept on the device but not trained (running statistics, frozen weights)
 * - `counter`: a scalar integer that only the host counts (`num_batches_tracked`); saved, never in a graph
 */
export type ParameterKind = 'parameter' | 'state' | 'counter';

export interface ParameterSpec {
  /** The name in the official PyTorch state dict. */
  readonly name: string;
  /** As PyTorch saves it; `[]` for a counter. */
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  readonly init: Initializer;
  /** Whether weight decay acts on it. */
  readonly decays: boolean;
  /** A `state` that never changes: weights that are not trained. */
  readonly frozen?: true;
  /** Added to the variance of each row when it is standardised before use; inference stores it standardised. */
  readonly standardEps?: number;
  /** Pieces that it lies in on a device, where no binding may be large enough for all of it; whole in files. Default 1. */
  readonly parts?: number;
}

/**
 * Whether weight decay acts on a parameter, unless its family says otherwise: not on vectors (biases, norms, layer scales) nor on anything named `.bias`.
 * (facebookresearch/ConvNeXt: optim_factory.py)
 */
export function decays(name: string, ndim: number): boolean {
  return ndim !== 1 && !name.endsWith('.bias');
}

/** Number of elements of all entries of one kind: `countElements(specs, 'parameter')` is a model's parameter count. */
export function countElements(specs: readonly ParameterSpec[], kind: ParameterKind): number {
  return specs
    .filter((spec) => spec.kind === kind)
    .reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}

/**
 * Initial values of every entry, row-major. Each depends only on the seed and its own name, so that a change to one part of a
 * model leaves the initial values of the others alone.
 * @example initialise(model.parameters(), 0).get('head.weight')
 */
export function initialise(specs: readonly ParameterSpec[], seed: number): Map<string, Float32Array> {
  const names = new Set<string>();
  for (const { name } of specs) {
    if (names.has(name)) throw new FrameworkError('nn/duplicate', `Parameter ${name} is declared twice.`);
    names.add(name);
  }
  return new Map(specs.map((spec) => [spec.name, initialValue(spec, seed)]));
}

/** The initial value of one entry. */
export function initialValue({ name, shape, init }: ParameterSpec, seed: number): Float32Array {
  const elems = shape.reduce((product, extent) => product * extent, 1);
  return draw(init, elems, new Rng(seed, `init ${name}`));
}

function draw(init: Initializer, elems: number, rng: Rng): Float32Array {
  const out = new Float32Array(elems);
  switch (init.kind) {
    case 'constant':
      return out.fill(init.value);
    case 'normal':
      for (let i = 0; i < elems; i++) out[i] = init.std * rng.normal();
      return out;
    case 'uniform':
      for (let i = 0; i < elems; i++) out[i] = rng.between(-init.bound, init.bound);
      return out;
    case 'trunc-normal':
      for (let i = 0; i < elems; i++) {
        let value = init.std * rng.normal();
        while (Math.abs(value) > init.bound) value = init.std * rng.normal();
        out[i] = init.scale * value;
      }
      return out;
  }
}
