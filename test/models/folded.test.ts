import { expect, describe, it } from 'vitest';
import { createModel, GradientSession, ModelWeights } from '../../src/index.ts';
import type { Tensor } from '../../src/graph/graph.ts';
import { recordInference } from '../../src/models/inference.ts';
import { interpret } from '../../src/graph/interpret.ts';
import { initialise } from '../../src/nn/parameters.ts';
import { Rng } from '../../src/util/rng.ts';
import { defined } from '../../src/util/errors.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { relativeError } from './golden.ts';

const SHAPE = { batch: 2, channels: 2, imageSize: 12 };
const model = createModel('bit-m-r101x3', {
  channels: 2,
  classes: 3,
  depths: [1, 1],
  dims: [4, 4],
  groups: 2,
});
const values = initialise(model.parameters, 3);
// The classifier starts at zero, which would hide everything before it.
for (const [name, data] of values) {
  const rng = new Rng(0, name);
  if (name.startsWith('head')) data.forEach((_, i) => (data[i] = rng.normal()));
}
const rng = new Rng(0, 'folded');
const images = Float64Array.from({ length: 2 * 2 * 12 * 12 }, () => rng.normal());

/** Logits by the float64 references. */
function logits(weights: ReadonlyMap<string, Float32Array>, folded: boolean) {
  const { nodes, x, logits } = recordInference(model, SHAPE, { folded });
  const data = new Map<Tensor, Float64Array>([[x, images]]);
  for (const tensor of nodes.flatMap((node) => Object.values(node.inputs))) {
    const value = weights.get(tensor.name);
    if (value !== undefined) data.set(tensor, Float64Array.from(value));
  }
  const values = new Map([...data].map(([tensor, value]) => [tensor.id, value]));
  interpret(nodes, values);
  return { ops: nodes.map(({ op }) => op.name), values: defined(values.get(logits.id), 'logits') };
}

describe.each(adapters)('standardised weights on %s', (adapter) => {
  it('are folded once, for inference', async () => {
    const { device } = await deviceFor(adapter);
    const weights = await ModelWeights.upload(device, model, values);
    const [plain, folded] = [logits(values, false), logits(await weights.parameters.readAll(), true)];
    expect(plain.ops).toContain('standardize');
    expect(folded.ops).not.toContain('standardize');
    expect(relativeError(folded.values, plain.values)).toBeLessThan(1e-6);
    expect(plain.values.some((value) => Math.abs(value) > 0.1)).toBe(true);
    weights.destroy();
  });

  it('are kept as they are where gradients of weights are wanted, which folded ones refuse', async () => {
    const { device } = await deviceFor(adapter);
    const folded = await ModelWeights.upload(device, model, values);
    await expect(GradientSession.create(device, folded, SHAPE, { parameters: true })).rejects.toMatchObject({
      code: 'model/folded',
      hint: expect.stringContaining('{ folded: false }') as string,
    });
    const whole = await ModelWeights.upload(device, model, values, { folded: false });
    const name = 'stem.conv.weight';
    expect((await whole.parameters.readAll()).get(name)).toEqual(values.get(name));
    for (const weights of [folded, whole]) weights.destroy();
  });
});
