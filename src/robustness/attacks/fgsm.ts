import { defineAttack } from './attack.ts';
import { ascend, ballAround, project, zeroShares } from './ball.ts';
import { crossEntropy } from './objectives.ts';

/** Fast gradient sign method (Goodfellow et al. 2015): x + ε · sign of the cross-entropy's gradient. */
export const fgsm = defineAttack({
  id: 'fgsm',
  name: 'FGSM',
  description: 'one step of ε along the sign of the gradient (Goodfellow et al. 2015)',
  settings: {},
  epsilons: [0.1, 0.2, 0.3, 0.4],
  draws: 'never',
  onlyCorrect: false,
  canTarget: true,
  passes: () => 3,
  run: async (model, images, { eps }) => {
    const ball = ballAround(images.x, eps, 'linf', model);
    const { dx } = await model.gradient(images.x, crossEntropy(images));
    const x = ascend(images.x, dx, () => eps, ball);
    project(x, ball);
    return { x, zeroShare: zeroShares(dx, model.elems) };
  },
});
