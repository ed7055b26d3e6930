import type { Normalization } from '../../data/normalization.ts';
import type { EvalConfig } from '../../data/transform.ts';
import { countElements } from '../../nn/parameters.ts';
import type { InferenceSession } from '../../models/inference.ts';
import { FrameworkError } from '../../util/errors.ts';
import { digestOf } from '../../util/sealed.ts';
import type { Classifier } from './classifier.ts';

/** The weights a session holds and how images become their input. */
export interface SessionWeights {
  /** The file the weights were read from: its bytes are the model's fingerprint. */
  readonly file: string;
  /** What tells the weights apart besides; empty where the file alone does. */
  readonly variant?: string;
  readonly normalization: Normalization;
  readonly evalConfig: EvalConfig;
  /** The outputs are ImageNet's 1000 classes; default: 1000 outputs are taken for them. */
  readonly isImagenet?: boolean;
}

/**
 * A model on a device as a classifier; blocks that the session leaves out are part of its name and fingerprint. Whether it is one of ImageNet's is said by its classes.
 * @example const classifier = await sessionClassifier(session, { file, normalization, evalConfig });
 */
export async function sessionClassifier(
  session: InferenceSession,
  weights: SessionWeights,
): Promise<Classifier> {
  const { normalization, evalConfig, isImagenet } = weights;
  const { classes, channels } = session.model.config;
  if (channels !== 3)
    throw new FrameworkError(
      'model/config',
      `${session.model.name} takes images of ${channels} channels, the benchmarks' have 3.`,
      { hint: 'evaluate a model of RGB images' },
    );
  const without = session.skip.size === 0 ? '' : ` without ${[...session.skip].sort().join(', ')}`;
  return {
    name: `${session.model.name}${without}`,
    fingerprint: `${await weightsFingerprint(weights)}${without}`,
    parameters: countElements(session.model.parameters, 'parameter'),
    classes: (isImagenet ?? classes === 1000) ? 'imagenet1k' : classes,
    preprocessing: { ...normalization, imageSize: session.shape.imageSize, evalConfig },
    logits: (batch, n) => session.logits(batch, n),
  };
}

/** SHA-256 of the file, and what tells the weights apart besides. */
export async function weightsFingerprint({
  file,
  variant = '',
}: Pick<SessionWeights, 'file' | 'variant'>): Promise<string> {
  return `${await sha256File(file)}${variant}`;
}

/** The folder of a bare file's results: the model, the first letters of its SHA-256, and what follows these. */
export function folderName(model: string, fingerprint: string): string {
  const variant = fingerprint.slice(64).replace(/[^\w.]+/g, '-');
  return `${model}-${fingerprint.slice(0, 8)}${variant}`;
}

/** SHA-256 of a file's bytes, in hexadecimal. */
export async function sha256File(path: string): Promise<string> {
  return (await digestOf(path)).sha256;
}

/** A slow model's rate is known well enough after one batch. */
const ENOUGH_MS = 5000;

/** Images per second of the model alone: the fastest of a few batches of zeros, results read back. */
export async function forwardRate(classifier: Classifier, batchSize: number, batches = 3): Promise<number> {
  const { imageSize } = classifier.preprocessing;
  const x = new Float32Array(batchSize * 3 * imageSize ** 2);
  await classifier.logits(x, batchSize); // compiles and warms up
  let fastest = Infinity;
  const begun = performance.now();
  for (let i = 0; i < batches && performance.now() - begun < ENOUGH_MS; i++) {
    const start = performance.now();
    await classifier.logits(x, batchSize);
    fastest = Math.min(fastest, performance.now() - start);
  }
  return (1000 * batchSize) / fastest;
}
