import { NORMALIZATIONS } from '../data/normalization.ts';
import { openDevice } from '../device/open.ts';
import { GradientSession } from '../models/gradients.ts';
import { InferenceSession } from '../models/inference.ts';
import { createModel } from '../models/registry.ts';
import { ModelWeights } from '../models/weights.ts';
import { initialise } from '../nn/parameters.ts';
import { ascend, ballAround, project } from '../robustness/attacks/ball.ts';
import { crossEntropy } from '../robustness/attacks/objectives.ts';
import { SessionModel } from '../robustness/attacks/session-model.ts';
import { Rng } from '../util/rng.ts';
import { percentile } from './times.ts';

export interface AttackTiming {
  readonly model: string;
  readonly batch: number;
  readonly size: number;
  /** The least of turns that alternate: other work on the machine only adds. */
  readonly forwardMs: number;
  readonly pgdStepMs: number;
  /** A step (forward, gradient of the images, update) in forward passes of the same batch. */
  readonly ratio: number;
  readonly turns: number;
}

/** Times a forward pass and a step of PGD in turn, on made-up images, results read back. */
export async function benchAttack(options: {
  readonly model: string;
  readonly batch: number;
  readonly size?: number | undefined;
  readonly turns: number;
  readonly adapter: string;
}): Promise<AttackTiming> {
  const { batch, turns } = options;
  const model = createModel(options.model);
  const imageSize = options.size ?? model.imageSize;
  const device = await openDevice(options.adapter);
  try {
    const weights = await ModelWeights.upload(device, model, initialise(model.parameters, 1));
    const shape = { batch, channels: 3, imageSize };
    const attacked = new SessionModel(
      await InferenceSession.create(device, weights, shape),
      () => GradientSession.create(device, weights, shape),
      { normalization: NORMALIZATIONS.imagenet, space: 'pixel' },
    );
    const rng = new Rng(0, 'bench attack');
    const x = Float32Array.from({ length: batch * attacked.elems }, () => rng.uniform());
    const labels = Array.from({ length: batch }, (_, i) => i % model.config.classes);
    const ball = ballAround(x, 4 / 255, 'linf', attacked);
    const objective = crossEntropy({ labels });
    const step = async () => {
      const { dx } = await attacked.gradient(x, objective);
      project(
        ascend(x, dx, () => 1 / 255, ball),
        ball,
      );
    };
    const times = { forward: [] as number[], step: [] as number[] };
    for (let turn = 0; turn <= turns; turn++)
      for (const [kind, work] of [
        ['forward', () => attacked.logits(x)],
        ['step', step],
      ] as const) {
        const start = performance.now();
        await work();
        if (turn > 0) times[kind].push(performance.now() - start); // the first compiles
      }
    attacked.destroy();
    const [forwardMs, pgdStepMs] = [percentile(times.forward, 0), percentile(times.step, 0)];
    return {
      model: model.name,
      batch,
      size: imageSize,
      forwardMs,
      pgdStepMs,
      ratio: pgdStepMs / forwardMs,
      turns,
    };
  } finally {
    device.close();
  }
}
