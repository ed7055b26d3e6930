/** Folders of runs as training leaves them, without training. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetricsRecord } from '../../src/training/log/metrics-log.ts';
import { writeLook } from '../../src/training/look/look-files.ts';
import { runFolder } from '../../src/training/run/run-folder.ts';
import { sealedLine } from '../../src/util/sealed.ts';

export function step(n: number, more: object = {}): MetricsRecord {
  const loss = 2 / (1 + n / 200) + 0.1 * Math.sin(n);
  const record = {
    kind: 'step',
    step: n,
    epoch: Math.floor((n - 1) / 100),
    lr: 1e-3,
    loss,
    gradNorm: 1 + 1 / n,
  };
  return { ...record, imagesPerSecond: n === 1 ? null : 500, ...more } as MetricsRecord;
}

export function evaluation(n: number, top1: number, weights: 'raw' | 'ema' = 'raw'): MetricsRecord {
  const record = {
    kind: 'evaluation',
    step: n,
    epoch: n / 100 - 1,
    weights,
    top1,
    top5: 1,
    loss: 1 - top1,
  } as const;
  return { ...record, count: 50, skipped: 0 };
}

/** Sealed lines, the last one with its end. */
export function linesOf(records: readonly MetricsRecord[]): string {
  const lines: string[] = [];
  for (const record of records) lines.push(sealedLine(record, lines.at(-1) ?? ''));
  return lines.map((line) => `${line}\n`).join('');
}

export function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'largekernel-watch-'));
}

/** A run of so many steps, evaluated every hundred. @returns its folder */
export function makeRun(root: string, name: string, steps: number, accuracy = 0.8): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const records = Array.from({ length: steps }, (_, i) => i + 1).flatMap((n) => [
    step(n),
    ...(n % 100 === 0 ? [evaluation(n, accuracy * (1 - 50 / n))] : []),
  ]);
  writeFileSync(join(folder, 'metrics.jsonl'), linesOf(records));
  return folder;
}

/** A picture of one dark pixel. */
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC';

/** The files of `looks/`. @param classes names, which may be anyone's */
export async function makeLooks(root: string, classes: readonly string[], key = 'a.png'): Promise<void> {
  const folder = runFolder(root);
  const picture = { source: PIXEL, width: 1, height: 1 };
  await writeLook(folder, 'training', {
    steps: 1000,
    stepsPerEpoch: 100,
    epochs: 10,
    batch: 32,
    recipe: 'r',
    model: 'm',
    classes,
    samples: [
      {
        ...picture,
        key,
        targets: [
          { label: 0, weight: 0.7 },
          { label: 1, weight: 0.3 },
        ],
      },
    ],
  });
  await writeLook(folder, 'kernels', {
    steps: 8,
    ms: 10,
    ops: [
      { op: 'depthwise', direction: 'forward', count: 3, ms: 7 },
      { op: 'adamw', direction: 'update', count: 1, ms: 3 },
    ],
  });
  await writeLook(folder, 'evaluation-raw', {
    step: 200,
    weights: 'raw',
    images: 20,
    perClass: classes.map(() => ({ images: 10, correct: 8 })),
    confusion: [
      [8, 2],
      [2, 8],
    ],
    pairs: [{ label: 0, predicted: 1, count: 2 }],
    mistakes: [{ ...picture, key, label: 0, predicted: 1, confidence: 0.9, loss: 4 }],
  });
}
