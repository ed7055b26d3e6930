import { FrameworkError } from '../../util/errors.ts';
import type { AdversarialSet } from './adversarial-set.ts';
import type { Attack } from './attack.ts';
import type { AttackRequest } from './run-attack.ts';
import type { SessionModel } from './session-model.ts';

/** Images that an attack on this or another model saved, as an attack: what transfers. */
export function savedAttack(set: AdversarialSet): Attack {
  const { record } = set;
  return {
    id: 'saved',
    name: `${record.attack} on ${record.model}`,
    description: 'adversarial images that --save wrote, on any model',
    settings: {},
    epsilons: record.epsilons,
    draws: 'never',
    onlyCorrect: false,
    canTarget: false,
    passes: () => 0,
    run: async (model, images, { eps }) => {
      const { elems, imageSize } = model;
      const pixels = new Float32Array(images.x.length);
      for (const [i, number] of images.numbers.entries())
        pixels.set(await set.read(eps, number, imageSize), i * elems);
      return { x: (model as SessionModel).fromPixels(pixels) };
    },
  };
}

/**
 * What trying saved images on a model is. Their ball is known where the model takes them as they are, in pixels: of normalised values it depends
 * on the normalisation, which is the model's own.
 * @param imageSize of the model @param asked some of the set's ε; default: all
 * @throws FrameworkError `attack/set`
 */
export function savedRequest(
  set: AdversarialSet,
  imageSize: number,
  asked?: readonly number[],
): AttackRequest {
  const { folder, record } = set;
  const epsilons = (asked ?? record.epsilons).filter((eps) => eps !== 0);
  const missing = epsilons.find((eps) => !record.epsilons.includes(eps));
  if (missing !== undefined)
    throw new FrameworkError(
      'attack/set',
      `${folder} holds no images of ε ${missing}; it holds ${record.epsilons.join(', ')}.`,
      { hint: 'Choose from these with --eps.' },
    );
  const isKnown = record.imageSize === imageSize && record.space === 'pixel';
  return {
    ...{ attack: savedAttack(set), settings: {}, epsilons, seed: 0, space: record.space, aim: 'any' },
    ...{ eightBit: false, save: undefined, norm: isKnown ? record.norm : null, images: record.images },
    of: `images of ${record.attack} on ${record.model} ${record.modelFingerprint.slice(0, 8)}: ${record.settings}`,
  };
}
