import type { Device } from '../device/device.ts';
import { FrameworkError } from '../util/errors.ts';
import { InferenceSession, type ImageShape } from './inference.ts';
import type { Model } from './model.ts';
import { classAttentionTap } from './vit.ts';
import type { ModelWeights } from './weights.ts';

/**
 * Which patches of an image are its foreground: those that the class token of a vision transformer attends to in the last block, taken
 * until they hold a share of the attention. (Caron et al. 2021; facebookresearch/dino: visualize_attention.py)
 */

/** The head that the occlusion experiments read, the second of DINO's six. (Muzammal-Naseer/IPViT: evaluate.py) */
export const SALIENT_HEAD = 1;

/** What the class token attends to. */
export interface ClassAttention {
  readonly n: number;
  readonly heads: number;
  /** Patches of an image, row by row; a square. */
  readonly patches: number;
  /** Probabilities (n, heads, patches) behind the softmax over all tokens; the class token's own is left out. */
  readonly data: Float32Array;
}

/**
 * The attention of the class token over the patches, in the last block.
 * @example
 * const dino = await ClassAttentionSession.create(device, weights, { batch: 8, channels: 3, imageSize: 224 });
 * const attention = await dino.attend(x, 8);
 * const mask = massMask(attentionOf(attention, 0, SALIENT_HEAD), 0.5);
 */
export class ClassAttentionSession {
  private readonly session: InferenceSession;
  private readonly tap: string;

  private constructor(session: InferenceSession, tap: string) {
    this.session = session;
    this.tap = tap;
  }

  /**
   * @param weights of a vision transformer: `dino-s16`, `dino-s8`, or one with a classifier
   * @throws FrameworkError `model/no-attention` for a model without a class token
   */
  static async create(
    device: Device,
    weights: ModelWeights,
    shape: ImageShape,
  ): Promise<ClassAttentionSession> {
    const tap = lastTap(weights.model);
    return new ClassAttentionSession(
      await InferenceSession.create(device, weights, shape, { taps: [tap] }),
      tap,
    );
  }

  /** @param x n ≤ batch images (n, channels, h, w), normalised by ImageNet's mean and standard deviation for DINO */
  async attend(x: Float32Array, n: number): Promise<ClassAttention> {
    this.session.run(x, n);
    const { data, shape } = await this.session.tap(this.tap);
    const [, heads = 0, tokens = 0] = shape;
    const patches = tokens - 1;
    const kept = new Float32Array(n * heads * patches);
    for (let row = 0; row < n * heads; row++)
      kept.set(data.subarray(row * tokens + 1, (row + 1) * tokens), row * patches);
    return { n, heads, patches, data: kept };
  }

  destroy(): void {
    this.session.destroy();
  }
}

function lastTap({ name, family, blocks }: Model): string {
  const whole = blocks.at(-1)?.whole;
  if ((family === 'vit' || family === 'dino') && whole !== undefined) return classAttentionTap(whole);
  throw new FrameworkError(
    'model/no-attention',
    `${name} has no class token whose attention could be read.`,
    {
      hint: 'Take a vision transformer: dino-s16 is the one of the occlusion experiments.',
    },
  );
}

/**
 * One head's attention over the patches of image `i`, or the mean over its heads.
 * @throws FrameworkError `model/head` for a head that the model does not have
 */
export function attentionOf(
  { heads, patches, data }: ClassAttention,
  i: number,
  head: number | 'mean',
): Float32Array {
  if (head === 'mean') {
    const rows = Array.from({ length: heads }, (_, h) => (i * heads + h) * patches);
    return Float32Array.from({ length: patches }, (_, patch) =>
      rows.reduce((sum, row) => sum + (data[row + patch] as number) / heads, 0),
    );
  }
  if (!Number.isInteger(head) || head < 0 || head >= heads)
    throw new FrameworkError('model/head', `Head ${head} was asked for; the model has ${heads}.`, {
      hint: `Heads are counted from 0 to ${heads - 1}.`,
    });
  return data.subarray((i * heads + head) * patches, (i * heads + head + 1) * patches);
}

/**
 * The smallest set of top patches that holds `mass` of the attention; the patch that crosses the boundary is in it. As PyTorch computes
 * it, to the bit: the shares are sorted upwards and summed in float32 steps, and those whose sum exceeds 1 − mass are taken.
 * @param attention (patches) of one image and head
 * @param mass 0 … 1, λ in the papers; 0 takes none
 * @returns (patches) of 0 and 1
 * @example massMask(Float32Array.of(0.1, 0.2, 0.3, 0.4), 0.5) // 0 0 1 1
 */
export function massMask(attention: Float32Array, mass: number): Uint8Array {
  const threshold = Math.fround(1 - mass);
  return Uint8Array.from(cumulativeShares(attention), (sum) =>
    Number(mass >= 1 || (mass > 0 && sum > threshold)),
  );
}

/** The share of each patch and of all patches of less attention; of equal ones the later counts as more. (patches), and as many come back */
export function cumulativeShares(attention: Float32Array): Float32Array {
  const order = Array.from(attention.keys()).sort(
    (a, b) => (attention[a] as number) - (attention[b] as number) || a - b,
  );
  const total = Math.fround(order.reduce((sum, patch) => sum + (attention[patch] as number), 0));
  const shares = new Float32Array(attention.length);
  // torch.cumsum adds in float64 on processors and rounds what it stores.
  let sum = 0;
  for (const patch of order) {
    sum += Math.fround((attention[patch] as number) / total);
    shares[patch] = sum;
  }
  return shares;
}

/** A square mask of patches as one of pixels, each patch `pixels` wide: nearest neighbour. */
export function enlargeMask(mask: Uint8Array, pixels: number): Uint8Array {
  const side = Math.sqrt(mask.length);
  if (!Number.isInteger(side))
    throw new FrameworkError('model/mask', `A mask of ${mask.length} patches is no square.`);
  const width = side * pixels;
  return Uint8Array.from(
    { length: width * width },
    (_, at) =>
      mask[Math.floor(Math.floor(at / width) / pixels) * side + Math.floor((at % width) / pixels)] as number,
  );
}
