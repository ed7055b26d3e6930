/**
 * The loader beside PyTorch's: images that one core takes through the whole training path in a second (JPEG of 500×375, random-resized crop to
 * 224, flip, RandAugment, tensor, erasing). Both go through the same photographs with one worker, a turn of each at a time, and what
 * counts is the processor time of all their threads and processes, which other programs disturb least.
 *
 *     npx tsx bench/loader/main.ts --images FOLDER --python PYTHON
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { Loader } from '../../src/data/loader.ts';
import { decodeImage } from '../../src/data/image/decode.ts';
import { sharp } from '../../src/data/image/sharp.ts';
import { NORMALIZATIONS } from '../../src/data/normalization.ts';
import { percentile } from '../../src/bench/times.ts';
import { TRAINING } from '../../src/bench/augment.ts';
import { listImages } from '../../src/training/evaluation/predict.ts';

interface Turn {
  readonly images: number;
  readonly seconds: number;
}

interface Side {
  readonly name: string;
  turn(): Promise<Turn>;
  close(): Promise<void>;
}

const BATCH = 20;

const { images, python, turns, count } = new Command()
  .requiredOption(
    '--images <paths...>',
    'photographs, or folders of them; they are resized to 500×375 and saved at quality 90',
  )
  .option(
    '--python <file>',
    'a Python with PyTorch, Pillow and NumPy; without it only ours is measured',
    process.env.PEERS_PYTHON,
  )
  .option(
    '--turns <n>',
    'times that each goes through the photographs, after two that do not count',
    Number,
    15,
  )
  .option('--count <n>', 'photographs', Number, 120)
  .parse()
  .opts<{ images: string[]; python?: string; turns: number; count: number }>();

const folder = mkdtempSync(join(tmpdir(), 'loader-'));
try {
  await makePhotographs();
  const sides = [await ours(), ...(python === undefined ? [] : [await pytorch(python)])];
  const rates = new Map(sides.map(({ name }) => [name, [] as number[]]));
  for (let turn = -2; turn < turns; turn++)
    for (const side of sides) {
      const { images, seconds } = await side.turn();
      if (turn >= 0) rates.get(side.name)?.push(images / seconds);
    }
  const middle = sides.map(({ name }) => percentile(rates.get(name) ?? [], 0.5));
  const best = sides.map(({ name }) => Math.max(...(rates.get(name) ?? [])));
  process.stdout.write('images of 500×375 in a second of one core: median of the turns, and the best\n');
  sides.forEach(({ name }, i) =>
    process.stdout.write(`${name}: ${middle[i]?.toFixed(0)}, ${best[i]?.toFixed(0)}\n`),
  );
  if (sides.length === 2)
    process.stdout.write(
      `ratio: ${(middle[0]! / middle[1]!).toFixed(2)}, ${(best[0]! / best[1]!).toFixed(2)}\n`,
    );
  for (const side of sides) await side.close();
} finally {
  rmSync(folder, { recursive: true });
}

async function makePhotographs(): Promise<void> {
  const files = await listImages(images, () => undefined);
  mkdirSync(join(folder, 'train', 'photograph'), { recursive: true });
  mkdirSync(join(folder, 'train', 'nothing'));
  for (let i = 0; i < count; i++) {
    const file = files[Math.floor((i * files.length) / count)]!;
    const { data, width, height } = await decodeImage(readFileSync(file), file);
    const photograph = sharp(data, { raw: { width, height, channels: 3 } }).resize(500, 375, { fit: 'fill' });
    const to = join(folder, 'train', 'photograph', `${String(i).padStart(4, '0')}.jpg`);
    writeFileSync(to, await photograph.jpeg({ quality: 90 }).toBuffer());
  }
}

async function ours(): Promise<Side> {
  const loader = await Loader.open({
    dataset: { kind: 'folder', root: folder, split: 'train', classes: 'folders' },
    pipeline: { mode: 'train', size: 224, normalization: NORMALIZATIONS.imagenet, augment: TRAINING },
    batchSize: BATCH,
    workers: 1,
    seed: 0,
  });
  let epoch = 0;
  return {
    name: 'largekernel',
    async turn() {
      const start = process.cpuUsage();
      let images = 0;
      for await (const { labels } of loader.train({ epoch, step: 0, epochs: epoch + 1 }))
        images += labels.length;
      epoch++;
      const { user, system } = process.cpuUsage(start);
      return { images, seconds: (user + system) / 1e6 };
    },
    close: () => loader.close(),
  };
}

async function pytorch(python: string): Promise<Side> {
  const script = fileURLToPath(new URL('pytorch.py', import.meta.url));
  const child = spawn(python, [script, join(folder, 'train'), String(BATCH)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${python} ended`);
    return JSON.parse(line.value);
  };
  const versions = (await next()) as Record<string, string>;
  return {
    name: `PyTorch ${versions.torch}, Pillow ${versions.Pillow}`,
    async turn() {
      child.stdin.write('\n');
      return (await next()) as Turn;
    },
    close: async () => {
      child.stdin.end();
      await new Promise((resolve) => child.on('close', resolve));
    },
  };
}
