import { field, integer, number } from '../../schema/fields.ts';
import { defineAttack } from './attack.ts';
import { ascend, ballAround, project, zeroShares } from './ball.ts';
import { crossEntropy } from './objectives.ts';
import { STEP_SIZE, stepSizeOf } from './pgd.ts';

/** Momentum iterative FGSM (Dong et al. 2018): g ← μ g + ∇/mean|∇|, then a step along its sign. */
export const mifgsm = defineAttack({
  id: 'mifgsm',
  name: 'MI-FGSM',
  description: 'steps along the sign of gradients that are summed with momentum (Dong et al. 2018)',
  settings: {
    steps: field(integer({ min: 1, max: 100_000 }), 10, 'Steps.'),
    stepSize: field(STEP_SIZE, 'auto', 'Length of a step in the units of ε; auto: ε/steps.'),
    decay: field(number({ min: 0 }), 1, 'What is left of the momentum after a step.'),
  },
  epsilons: [0.002, 0.004, 0.006, 0.008],
  draws: 'never',
  onlyCorrect: false,
  canTarget: true,
  passes: ({ steps }) => 3 * steps,
  run: async (model, images, { eps }, { steps, stepSize, decay }) => {
    const { elems } = model;
    const ball = ballAround(images.x, eps, 'linf', model);
    const step = stepSizeOf(stepSize, eps, 1 / steps);
    const objective = crossEntropy(images);
    const momentum = new Float32Array(images.x.length);
    let x: Float32Array = images.x.slice();
    let zeroShare: Float64Array | undefined;
    for (let i = 0; i < steps; i++) {
      const { dx } = await model.gradient(x, objective);
      zeroShare ??= zeroShares(dx, elems);
      for (let at = 0; at < dx.length; at += elems) {
        let sum = 0;
        for (let j = at; j < at + elems; j++) sum += Math.abs(dx[j] as number);
        // A gradient of zeros adds nothing.
        const scale = sum === 0 ? 0 : elems / sum;
        for (let j = at; j < at + elems; j++)
          momentum[j] = decay * (momentum[j] as number) + (dx[j] as number) * scale;
      }
      x = ascend(x, momentum, () => step, ball);
      project(x, ball);
    }
    return { x, ...(zeroShare && { zeroShare }) };
  },
});
