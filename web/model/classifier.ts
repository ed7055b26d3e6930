import type { Image } from '../../src/data/image/image.ts';
import { evalTransform, toTensor } from '../../src/data/transform.ts';
import type { Device } from '../../src/device/device.ts';
import { GradientSession } from '../../src/models/gradients.ts';
import { InferenceSession } from '../../src/models/inference.ts';
import type { Model } from '../../src/models/model.ts';
import { createModel } from '../../src/models/registry.ts';
import { ModelWeights } from '../../src/models/weights.ts';
import { elems } from '../../src/ops/tensor.ts';
import { mapTaps } from '../../src/robustness/analyses/maps.ts';
import { centralCotangent } from '../../src/robustness/analyses/receptive-field.ts';
import { fgsm } from '../../src/robustness/attacks/fgsm.ts';
import { SessionModel } from '../../src/robustness/attacks/session-model.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { NOTE_VERSION, storedEntries, type ModelNote } from '../../src/web/note.ts';
import { loadBytes } from './assets.ts';

/** Files of weights loaded at once. */
const AT_ONCE = 4;

/** An exported model on the browser's device. All images are one at a time. */
export class PageClassifier {
  readonly note: ModelNote;
  private readonly device: Device;
  private readonly weights: ModelWeights;
  private readonly forward: InferenceSession;
  private attacked: SessionModel | undefined;
  private receptive: Promise<GradientSession> | undefined;

  private constructor(note: ModelNote, device: Device, weights: ModelWeights, forward: InferenceSession) {
    this.note = note;
    this.device = device;
    this.weights = weights;
    this.forward = forward;
  }

  /** @param onProgress bytes of weights that are loaded, of all */
  static async open(
    note: ModelNote,
    device: Device,
    onProgress: (done: number, all: number) => void = () => undefined,
  ): Promise<PageClassifier> {
    const version: number = note.version;
    if (version !== NOTE_VERSION)
      throw new FrameworkError(
        'web/version',
        `This folder is of version ${version}, the page of ${NOTE_VERSION}.`,
        {
          hint: 'Export the folder again.',
        },
      );
    const model = createModel(note.model, note.config);
    const values = split(model, await loadWeights(note, onProgress));
    const weights = await ModelWeights.upload(device, model, values);
    return new PageClassifier(
      note,
      device,
      weights,
      await InferenceSession.create(device, weights, shapeOf(note)),
    );
  }

  /** What the browser tells of the GPU. */
  get deviceName(): string {
    return this.device.name;
  }

  /**
   * What the network sees of an image, (imageSize, imageSize): resized and cropped as in evaluation. Where that leaves another size, since its
   * data set has images of one size, the short side is resized to the input's and the middle cut out.
   */
  frame(image: Image): Image {
    const { evalConfig, imageSize: side } = this.note;
    const frame = evalTransform(evalConfig)(image);
    if (frame.width === side && frame.height === side) return frame;
    return evalTransform({ resize: side, crop: side, squash: false, interpolation: 'bicubic' })(image);
  }

  /** Logits of a framed image. */
  async logits(frame: Image): Promise<Float32Array> {
    return (await this.forward.logits(this.tensor(frame), 1)).slice();
  }

  /**
   * One step of FGSM away from a class.
   * @param eps in pixels of [0, 1]
   * @returns logits of the changed image, and the image as far as 8 bits show it
   */
  async attack(
    frame: Image,
    label: number,
    eps: number,
  ): Promise<{ readonly logits: Float32Array; readonly image: Image }> {
    const model = (this.attacked ??= new SessionModel(
      this.forward,
      () => GradientSession.create(this.device, this.weights, shapeOf(this.note)),
      { normalization: this.note.normalization, space: 'pixel' },
    ));
    const x = model.fromInput(this.tensor(frame));
    const images = { x, labels: [label], numbers: [0] };
    const { x: changed } = await fgsm.run(model, images, { eps, seed: 0 }, {});
    return { logits: await model.logits(changed), image: imageOf(changed, this.note.imageSize) };
  }

  /** What each pixel contributes to the centre of the last feature map, summed over channels: (imageSize · imageSize). */
  async contributions(frame: Image): Promise<Float64Array> {
    const { model } = this.weights;
    const tap = mapTaps(model, this.note).at(-1);
    if (tap === undefined)
      throw new FrameworkError('analysis/no-maps', `${model.name} has no feature map before its classifier.`);
    const session = await (this.receptive ??= GradientSession.create(
      this.device,
      this.weights,
      shapeOf(this.note),
      { of: tap.name },
    ));
    const { dx } = await session.pullback(this.tensor(frame), 1, (values) =>
      centralCotangent(values, tap, 1),
    );
    const plane = this.note.imageSize ** 2;
    const sums = new Float64Array(plane);
    for (const [i, value] of dx.entries()) sums[i % plane] = (sums[i % plane] as number) + Math.max(0, value);
    return sums;
  }

  private tensor(frame: Image): Float32Array {
    const { imageSize, normalization } = this.note;
    const x = new Float32Array(3 * imageSize ** 2);
    toTensor(frame, normalization.mean, normalization.std, x);
    return x;
  }
}

function shapeOf({ imageSize }: ModelNote) {
  return { batch: 1, channels: 3, imageSize };
}

/** Values of [0, 1], channels first, as 8 bits, channels last. */
function imageOf(x: Float32Array, side: number): Image {
  const plane = side ** 2;
  const data = new Uint8Array(3 * plane);
  for (let i = 0; i < plane; i++)
    for (let c = 0; c < 3; c++) data[3 * i + c] = Math.round(255 * (x[c * plane + i] as number));
  return { width: side, height: side, data };
}

async function loadWeights(
  { weights }: ModelNote,
  onProgress: (done: number, all: number) => void,
): Promise<ArrayBuffer> {
  const starts = weights.map((_, i) => weights.slice(0, i).reduce((sum, { bytes }) => sum + bytes, 0));
  const all = weights.reduce((sum, { bytes }) => sum + bytes, 0);
  const whole = new Uint8Array(all);
  let done = 0;
  const queue = weights.entries();
  const worker = async () => {
    for (const [i, { asset, bytes, sha256 }] of queue) {
      const part = await loadBytes(asset);
      if (part.length !== bytes || (await hexDigest(part)) !== sha256)
        throw new FrameworkError('web/weights', `${asset}.js is damaged or of another export.`, {
          hint: 'Copy the whole folder again, or export it again.',
        });
      whole.set(part, starts[i]);
      onProgress((done += bytes), all);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return whole.buffer;
}

async function hexDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The entries of the state dict, which lie one behind the other. */
function split(model: Model, whole: ArrayBuffer): Map<string, Float32Array> {
  const entries = storedEntries(model);
  const bytes = entries.reduce((sum, { shape }) => sum + 4 * elems(shape), 0);
  if (bytes !== whole.byteLength)
    throw new FrameworkError(
      'web/weights',
      `The weights are ${whole.byteLength} bytes, but the model has ${bytes}.`,
      {
        hint: 'Export the folder again.',
      },
    );
  let at = 0;
  return new Map(
    entries.map(({ name, shape }) => {
      const data = new Float32Array(whole, at, elems(shape));
      at += data.byteLength;
      return [name, data];
    }),
  );
}
