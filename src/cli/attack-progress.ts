import type { Model } from '../models/model.ts';
import type { AnalysisContext } from '../robustness/analyses/analysis.ts';
import type { Attack } from '../robustness/attacks/attack.ts';
import type { AttackRequest } from '../robustness/attacks/run-attack.ts';
import { openDataset } from '../data/datasets.ts';
import { selectItems } from '../robustness/benchmarks/images/selection.ts';
import { GradientSession } from '../models/gradients.ts';
import type { Progress } from '../robustness/benchmarks/evaluation/options.ts';
import { duration } from '../training/log/reporter.ts';
import type { ProgressLine } from './progress-line.ts';

/** How far an attack has come, counted in passes of the model: an image at ε takes as many more than a clean one. */
export function attackProgress(
  line: ProgressLine,
  model: Model,
  attack: Attack,
  { settings, epsilons }: Pick<AttackRequest, 'settings' | 'epsilons'>,
) {
  const points = epsilons.filter((eps) => eps !== 0).length;
  const each = attack.passes(settings, model.config.classes) + (attack.onlyCorrect ? 2 : 1);
  // All images clean first, then at one ε after the other.
  const passesOf = (images: number, total: number) => {
    const clean = total / (points + 1);
    return Math.round(Math.min(images, clean) + Math.max(0, images - clean) * each);
  };
  let last: Progress = { unit: '', imagesDone: 0, imagesResumed: 0, imagesTotal: 0, failures: 0 };
  let since = 0;
  const show = () => {
    const { unit, imagesDone, imagesResumed, imagesTotal, failures } = last;
    if (imagesTotal === 0) return;
    const total = passesOf(imagesTotal, imagesTotal);
    const before = passesOf(imagesResumed, imagesTotal);
    // Images that are done sooner than the most it may take catch up when their group is done.
    const done = Math.min(total, passesOf(imagesDone, imagesTotal) + since);
    line.show(`${model.name} ${unit}, passes`, { done, before, total }, failures);
  };
  return {
    context: {
      onProgress: (progress: Progress) => {
        last = progress;
        since = 0;
        show();
      },
    },
    onPasses: (images: number) => {
      since += images;
      show();
    },
    plan: (context: AnalysisContext, json: boolean) => printPlan(context, attack, { points, each, json }),
  };
}

/** Images, passes and hours at the rate that a gradient takes here. */
async function printPlan(
  context: AnalysisContext,
  attack: Attack,
  { points, each, json }: { readonly points: number; readonly each: number; readonly json: boolean },
): Promise<void> {
  const { model, batch, imageSize, selection } = context;
  const dataset = await openDataset(context.images().spec);
  const keys = Array.from({ length: dataset.length }, (_, i) => dataset.key(i));
  await dataset.close();
  const images = selectItems(keys, selection).length;
  const passes = images * (1 + points * each);
  const { device, weights } = await context.onDevice();
  const session = await GradientSession.create(device, weights, { batch, channels: 3, imageSize });
  const x = new Float32Array(batch * 3 * imageSize ** 2);
  const once = () => session.pullback(x, batch, (values) => values);
  await once();
  const start = performance.now();
  await once();
  const rate = (3 * 1000 * batch) / (performance.now() - start);
  session.destroy();
  const hours = passes / rate / 3600;
  process.stdout.write(
    json
      ? `${JSON.stringify({ attack: attack.id, model: model.name, images, points: points + 1, passes, passRate: rate, hours })}\n`
      : `${attack.name} on ${model.name}: ${images.toLocaleString('en')} images, clean and at ${points} ε, at most ${passes.toLocaleString('en')} passes at ${rate.toFixed(1)} images/s on this device: ${duration(3600 * hours)}\n`,
  );
}
