/** A mixed folder: two models of the paper, one that nobody knows, and three kernels with seeds on CIFAR-10. */
import { join } from 'node:path';
import { frequency, give, giveRun, HASH, metric, occlusion, top1, type Given } from './world.ts';

export const VIT = '5e6f7a8b'.repeat(8);
const GENERATED = {
  dataOrigin: 'generated (seed 0)',
  subset: '100 images of each part, evenly spaced',
  imageSize: 32,
  weights: 'raw',
};
const OWN = { dataOrigin: 'cifar10, test, 2000 images', imageSize: 32, weights: 'raw' };

export async function mixedFolder(root: string): Promise<void> {
  const large = 'replknet-31b';
  for (const given of [
    { model: large, benchmark: 'a', metrics: [top1(12, 0.5, 'masked200'), top1(30.9, 0.6)] },
    { model: large, benchmark: 'r', metrics: [top1(43.5, 0.6)] },
    {
      model: large,
      benchmark: 'c',
      metrics: [
        metric('accuracy-19-severity-5', 49.6, 0.4, '19 corruptions, severity 5, release'),
        metric('mce', 45.9, 0.5, '15 corruptions, AlexNet-normalised, release'),
      ],
    },
    occlusion(large, 85, 40),
    frequency(large, () => -4),
  ] satisfies Given[])
    await give(join(root, 'robustness', 'replknet'), given);
  for (const given of [
    { model: 'vit-b16', benchmark: 'a', metrics: [top1(26.2, 0.9)], protocol: { imageSize: 384 } },
    occlusion('vit-b16', 84, 70, { protocol: { imageSize: 384 } }),
    frequency('vit-b16', (x) => -12 + 8 * x, { protocol: { imageSize: 384 } }),
  ] satisfies Given[])
    await give(join(root, 'robustness', 'vit'), { ...given, fingerprint: VIT });
  await give(join(root, 'robustness', 'unknown'), {
    model: 'convnext-b',
    fingerprint: '99'.repeat(32),
    benchmark: 'a',
    metrics: [top1(33.5, 0.5)],
  });
  for (const [i, kernel] of [3, 7, 13].entries())
    for (const seed of [0, 1, 2]) await kernelRun(join(root, 'sweep'), kernel, i, seed);
}

async function kernelRun(root: string, kernel: number, place: number, seed: number): Promise<void> {
  const id = `${kernel}-seed${seed}`;
  const folder = join(root, id);
  await giveRun(folder, 'cifar10-convnext-k7', [
    `model.kernels=[${kernel},${kernel},${Math.min(kernel, 7)}]`,
    `seed=${seed}`,
    `name=kernels-${id}`,
  ]);
  const fingerprint = `${kernel}${seed}`.padEnd(64, 'e');
  const base = { model: 'convnext-custom', fingerprint, classes: 10 };
  const shift = 2 * place + 0.4 * seed;
  await give(join(folder, 'robustness'), {
    ...base,
    benchmark: 'c',
    metrics: [
      metric('accuracy-19-severity-5', 31 + shift, 2, '19 corruptions, severity 5'),
      metric('mean-error-15', 58 - shift, 2, '15 corruptions, un-normalised'),
    ],
    protocol: GENERATED,
  });
  await give(join(folder, 'robustness'), {
    ...occlusion('convnext-custom', 45 + shift, 38 - shift, { protocol: OWN }),
    ...base,
  });
}

export const NAMED = [
  { row: 'RepLKNet-31B', sha256: HASH.slice(0, 8) },
  { row: 'ViT-B', sha256: VIT.slice(0, 8) },
];
