import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { differentiate, type Gradients } from '../../src/graph/autodiff.ts';
import { interpret } from '../../src/graph/interpret.ts';
import type { Model } from '../../src/models/model.ts';
import { createModel } from '../../src/models/registry.ts';
import { defined } from '../../src/util/errors.ts';
import { formula, images, summary, targets, type Summary } from './formula.ts';
import { Graph, type Node, type Tensor } from '../../src/graph/graph.ts';
import { softCrossEntropy } from '../../src/ops/cross-entropy/op.ts';
import { elems, f32 } from '../../src/ops/tensor.ts';

/** Models in PyTorch (test/golden/models/make.py and make_full_size.py) and the same recorded here. */

export interface GoldenCase {
  readonly model: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly n: number;
  readonly size: number;
  /** Block → what each sample's branch is multiplied by. */
  readonly masks: Readonly<Record<string, number[]>>;
  /** Logits with running statistics, without drop path. */
  readonly evaluated: readonly number[];
  readonly logits: readonly number[];
  readonly losses: readonly number[];
  readonly dx: Summary;
  readonly gradients: Readonly<Record<string, Summary>>;
  /** Running statistics after one step. */
  readonly state: Readonly<Record<string, Summary>>;
}

/** @param file below test/golden/models */
export function readGolden(file: string): [name: string, golden: GoldenCase][] {
  const text = readFileSync(new URL(`../golden/models/${file}`, import.meta.url), 'utf8');
  return Object.entries(JSON.parse(text) as Record<string, GoldenCase>).map(([name, golden]) => [
    name,
    { ...golden, config: ours(golden.config) },
  ]);
}

/** The names that torch_models.py and ours have for one option. */
const NAMES: Readonly<Record<string, string>> = {
  layers: 'depths',
  planes: 'dims',
  small: 'smallKernel',
  layerScale: 'layerScaleInit',
};

function ours(config: GoldenCase['config']): GoldenCase['config'] {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [
      NAMES[key] ?? key,
      key === 'small' && value === null ? 'none' : value,
    ]),
  );
}

export const goldenCases = readGolden('tiny.json');

/** A recorded model and the data of everything that its nodes read and the host provides, by tensor. */
export interface Recorded {
  readonly model: Model;
  readonly graph: Graph;
  readonly nodes: readonly Node[];
  readonly x: Tensor;
  readonly logits: Tensor;
  readonly data: Map<Tensor, Float64Array>;
}

function record(
  golden: GoldenCase,
  training: boolean,
  options: { skip?: ReadonlySet<string> } = {},
): Recorded {
  const model = createModel(golden.model, golden.config);
  const graph = new Graph();
  const x = graph.input('x', f32(golden.n, 3, golden.size, golden.size));
  const { logits, dropPaths } = model.build(graph, { x, training, ...options });
  const data = new Map([[x, images(golden.n, 3, golden.size)]]);
  for (const tensor of [...graph.parameters.values(), ...graph.states.values()])
    data.set(tensor, formula(tensor.name, tensor.spec.shape));
  for (const { input } of dropPaths) {
    const mask = defined(golden.masks[input.slice('drop-path.'.length)], `mask of ${input}`);
    data.set(defined(graph.inputs.get(input), input), Float64Array.from(mask));
  }
  return { model, graph, nodes: graph.nodes, x, logits, data };
}

export function recordEvaluation(golden: GoldenCase, skip?: ReadonlySet<string>): Recorded {
  return record(golden, false, skip === undefined ? {} : { skip });
}

export interface RecordedStep extends Recorded {
  readonly loss: Tensor;
  readonly dx: Tensor;
  readonly gradients: Gradients;
}

/** Forward, mean cross-entropy and backward; gradients for all parameters and the images. */
export function recordStep(golden: GoldenCase): RecordedStep {
  const recorded = record(golden, true);
  const { graph, logits, x, data } = recorded;
  const wanted = graph.input('targets', logits.spec);
  const loss = graph.one(softCrossEntropy, { logits, targets: wanted }, {});
  const seed = graph.input('seed', f32(golden.n));
  const gradients = differentiate(graph, loss, seed, { tensors: [x] });
  data.set(wanted, targets(golden.n, defined(logits.spec.shape[1], 'classes')));
  data.set(seed, new Float64Array(golden.n).fill(1 / golden.n));
  return { ...recorded, loss, gradients, dx: defined(gradients.tensors[0], 'gradient of x') };
}

/** ‖a − b‖ / ‖b‖. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2;
    norm += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference / norm);
}

/**
 * Compares a tensor with its golden summary: norm, probe and elements within `tolerance` of the golden norm.
 * @param floor added to the norm, for gradients that are zero but for rounding
 */
export function expectSummary(
  name: string,
  data: ArrayLike<number>,
  golden: Summary,
  tolerance: number,
  floor = 0,
): void {
  const scale = golden[0] + floor;
  summary(name, data).forEach((value, i) => {
    const error = Math.abs(value - (golden[i] as number)) / scale;
    expect(
      error,
      `${name}: ${['norm', 'probe', 'first', 'last'][i]} ${value}, golden ${golden[i]}`,
    ).toBeLessThan(tolerance);
  });
}

/** What the nodes leave behind: how tests get at values, on a device or in the interpreter. */
export type Read = (tensor: Tensor) => Promise<ArrayLike<number>> | ArrayLike<number>;

/** Compares a whole step with its golden. */
export async function expectStep(
  golden: GoldenCase,
  step: RecordedStep,
  read: Read,
  tolerance: { logits: number; gradients: number },
): Promise<void> {
  expect(relativeError(await read(step.logits), golden.logits)).toBeLessThan(tolerance.logits);
  expect(relativeError(await read(step.loss), golden.losses)).toBeLessThan(tolerance.logits);
  expectSummary('x', await read(step.dx), golden.dx, tolerance.gradients);
  expect([...step.gradients.parameters.keys()].sort()).toEqual(Object.keys(golden.gradients).sort());
  const norms = Object.values(golden.gradients).map(([norm]) => norm);
  // A bias before a BatchNorm has no gradient but rounding; it is measured against a thousandth of the typical one.
  const floor = 1e-3 * Math.hypot(...norms);
  for (const [name, gradient] of step.gradients.parameters)
    expectSummary(
      name,
      await read(gradient),
      defined(golden.gradients[name], name),
      tolerance.gradients,
      floor,
    );
  for (const [name, tensor] of step.graph.states)
    expectSummary(name, await read(tensor), defined(golden.state[name], name), tolerance.logits);
}

export function elementsOf(tensor: Tensor): number {
  return elems(tensor.spec.shape);
}

/** Runs recorded nodes in float64 and returns a reader of the results. */
export function interpreted({ nodes, data }: Recorded): (tensor: Tensor) => Float64Array {
  const values = new Map([...data].map(([tensor, value]) => [tensor.id, value]));
  interpret(nodes, values);
  return (tensor) => defined(values.get(tensor.id), tensor.name);
}
