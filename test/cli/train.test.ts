import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/util/rng.ts';
import { adapters } from '../ops/harness.ts';
import { scratchFolder, tinyRecipe, traces } from '../training/tiny.ts';
import { runCli } from './run-cli.ts';

const adapter = adapters[0] ?? 'auto';
const photo = new URL('../golden/image/', import.meta.url);
const TIMEOUT = { timeout: 900_000 };

function train(out: string, ...more: string[]) {
  return ['train', '--recipe', tinyRecipe(scratchFolder()), '--out', out, '--adapter', adapter, ...more];
}

describe('train, killed', () => {
  it('ends with the same bits as a run that was never stopped', TIMEOUT, async () => {
    const folder = scratchFolder();
    expect((await runCli(train(join(folder, 'whole')))).code).toBe(0);
    const rng = new Rng(Date.now(), 'kill'); // a new moment in every test run: all of them must do
    const parts = join(folder, 'parts');
    let code: number | null = null;
    for (let attempt = 0; attempt < 40 && code !== 0; attempt++) {
      const limit = attempt < 4 ? { killAfterMs: rng.between(700, 3500) } : {};
      ({ code } = await runCli(train(parts), limit));
    }
    expect(code).toBe(0);
    expect(await traces(parts)).toEqual(await traces(join(folder, 'whole')));
  });

  it('saves and exits with 75 on SIGTERM', TIMEOUT, async () => {
    const out = join(scratchFolder(), 'run');
    const many = ['--set', 'schedule.epochs=2000', '--set', 'evaluation.everyEpochs=1000', '--json'];
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, [
      new URL('../../bin/largekernel.cjs', import.meta.url).pathname,
      ...train(out, ...many),
    ]);
    child.stdout.once('data', () => child.kill('SIGTERM')); // the first step is done
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(75);
    const { metrics } = await traces(out);
    expect(metrics.length).toBeGreaterThan(0);
    expect((JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as { outcome: string }).outcome).toBe(
      'interrupted',
    );
  });
});

describe('train, given something wrong, says what and what to do', () => {
  const cases: [string, number, RegExp, () => string[]][] = [
    [
      'a misspelt key',
      2,
      /optimizer\.lrr.*|did you mean/s,
      () => train(join(scratchFolder(), 'r'), '--set', 'optimizer.lrr=1'),
    ],
    ['a misspelt recipe', 2, /did you mean convnext-t-k31?/i, () => ['train', '--recipe', 'convnext-t-k311']],
    [
      'a misspelt option that is required',
      2,
      /unknown option.*\n.*--recipe/,
      () => ['train', '--recpie', 'x'],
    ],
    ['a misspelt option', 2, /unknown option/, () => ['train', '--recipe', 'quickstart', '--adpter', 'x']],
    [
      'a missing data folder',
      3,
      /no-such-folder/,
      () => train(join(scratchFolder(), 'r'), '--set', 'data.dataset=cifar10', '--data', '/no-such-folder'),
    ],
    [
      'an unknown adapter',
      5,
      /No adapter matches `geforce`.*found:/s,
      () => ['train', '--recipe', 'quickstart', '--adapter', 'geforce', '--out', scratchFolder() + '/r'],
    ],
    [
      'too large a plan',
      6,
      /micro-batch of \d+ fits/,
      () => [
        'train',
        '--recipe',
        'quickstart',
        '--adapter',
        adapter,
        '--memory',
        '0.002',
        '--set',
        'batch.micro=64',
        '--set',
        'batch.size=64',
        '--set',
        'augment.mixGroup=64',
        '--out',
        scratchFolder() + '/r',
      ],
    ],
    ['an image that is a text file', 3, /n01440764\/b\.JPEG/, () => textImage()],
  ];
  it.each(cases)('%s', TIMEOUT, async (_name, code, text, args) => {
    const result = await runCli(args());
    expect(result.stderr).toMatch(text);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(result.code).toBe(code);
  });

  it('weights of another shape, a truncated checkpoint', TIMEOUT, async () => {
    const out = join(scratchFolder(), 'run');
    const small = ['depths=[1]', 'dims=[8]', 'kernels=[5]'].flatMap((text) => ['--set', `model.${text}`]);
    expect((await runCli(train(out, ...small, '--max-steps', '2'))).code).toBe(0);
    const weights = join(out, 'checkpoints', 'step-00000002', 'model.safetensors');
    const other = await runCli(
      train(join(scratchFolder(), 'r'), '--init', weights, ...small, '--set', 'model.kernels=[3]'),
    );
    expect(other.stderr).toMatch(/dwconv\.weight is \(8, 1, 5, 5\).*model\.kernels/s);
    expect(other.code).toBe(4);
    const copy = join(scratchFolder(), 'short.safetensors');
    copyFileSync(weights, copy);
    truncateSync(copy, 600);
    expect((await runCli(train(join(scratchFolder(), 'r'), '--init', copy, ...small))).code).toBe(4);
    truncateSync(weights, 600);
    const damaged = await runCli(train(out, ...small));
    expect(damaged.stderr).toMatch(/model\.safetensors was damaged .*: it has 600 bytes instead of \d+/);
    expect(damaged.stderr).toMatch(/--resume to go on from \S*step-00000001/);
    expect(damaged.code).toBe(4);
  });
});

/** A folder of one class with a real photograph and a text file that calls itself one. */
function textImage(): string[] {
  const root = scratchFolder();
  for (const split of ['train', 'val']) {
    for (const name of ['n01440764', 'n01443537']) {
      mkdirSync(join(root, split, name), { recursive: true });
      copyFileSync(new URL('beetle.jpg', photo), join(root, split, name, 'a.JPEG'));
    }
    const folder = join(root, split, 'n01440764');
    writeFileSync(join(folder, 'b.JPEG'), 'this is not an image\n');
  }
  const set = [
    'data.dataset=image-folder',
    'batch.size=2',
    'augment.mixGroup=2',
    'batch.micro=auto',
    'data.limitTrain=null',
    'data.limitVal=null',
  ];
  return train(join(scratchFolder(), 'r'), '--data', root, ...set.flatMap((s) => ['--set', s]));
}
