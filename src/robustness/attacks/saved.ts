import type { AdversarialSet } from './adversarial-set.ts';
import type { Attack } from './attack.ts';
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
