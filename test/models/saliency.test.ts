import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createModel } from '../../src/models/registry.ts';
import {
  ClassAttentionSession,
  SALIENT_HEAD,
  attentionOf,
  enlargeMask,
  massMask,
} from '../../src/models/saliency.ts';
import { ModelWeights } from '../../src/models/weights.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { formula } from './formula.ts';
import { relativeError } from './golden.ts';

const folder = new URL('../golden/models/', import.meta.url);

/** test/golden/models/dino_masks.py */
const golden = JSON.parse(readFileSync(new URL('dino-masks.json', folder), 'utf8')) as {
  config: Record<string, number>;
  head: number;
  attention: number[];
  masks: Record<string, string[]>;
};
const COUNT = 4;
const PATCHES = 64;

/** The photographs (4, 3, 32, 32), normalised. */
function photographs(): Float32Array {
  const records = readFileSync(new URL('cifar10-test-4.bin', folder));
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  return Float32Array.from({ length: COUNT * 3 * 1024 }, (_, at) => {
    const [image, rest] = [Math.floor(at / 3072), at % 3072];
    const channel = Math.floor(rest / 1024);
    return (records[image * 3073 + 1 + rest]! / 255 - mean[channel]!) / std[channel]!;
  });
}

describe('masks by attention', () => {
  it('are those of PyTorch for its own attention, for every share', () => {
    for (const [mass, masks] of Object.entries(golden.masks))
      masks.forEach((mask, i) => {
        const attention = Float32Array.from(golden.attention.slice(i * PATCHES, (i + 1) * PATCHES));
        expect(massMask(attention, Number(mass)).join(''), `${mass} of image ${i}`).toBe(mask);
      });
  });

  it('hold the patch that crosses the boundary; nothing at 0, everything at 1', () => {
    const attention = Float32Array.of(0.1, 0.2, 0.3, 0.4);
    expect(Array.from(massMask(attention, 0.5))).toEqual([0, 0, 1, 1]);
    expect(Array.from(massMask(attention, 0))).toEqual([0, 0, 0, 0]);
    expect(Array.from(massMask(attention, 1))).toEqual([1, 1, 1, 1]);
  });

  it('become masks of pixels', () => {
    expect(Array.from(enlargeMask(Uint8Array.of(0, 1, 1, 0), 2))).toEqual([
      ...[0, 0, 1, 1],
      ...[0, 0, 1, 1],
      ...[1, 1, 0, 0],
      ...[1, 1, 0, 0],
    ]);
  });
});

describe.each(adapters)('the attention of a DINO on %s', (kind) => {
  it('gives the masks of PyTorch, patch for patch', async () => {
    expect(golden.head).toBe(SALIENT_HEAD);
    const { device } = await deviceFor(kind);
    const model = createModel('dino-s16', golden.config);
    const values = model.parameters.map(
      ({ name, shape }) => [name, Float32Array.from(formula(name, shape))] as const,
    );
    const weights = await ModelWeights.upload(device, model, new Map(values));
    const shape = { batch: COUNT, channels: 3, imageSize: 32 };
    const session = await ClassAttentionSession.create(device, weights, shape);
    const attention = await session.attend(photographs(), COUNT);
    expect([attention.heads, attention.patches]).toEqual([3, PATCHES]);
    for (let i = 0; i < COUNT; i++) {
      const row = attentionOf(attention, i, SALIENT_HEAD);
      expect(relativeError(row, golden.attention.slice(i * PATCHES, (i + 1) * PATCHES))).toBeLessThan(1e-5);
      for (const [mass, masks] of Object.entries(golden.masks))
        expect(massMask(row, Number(mass)).join(''), `${mass} of image ${i}`).toBe(masks[i]);
    }
    expect(() => attentionOf(attention, 0, 3)).toThrow('the model has 3');
    session.destroy();
    weights.destroy();
  });
});
