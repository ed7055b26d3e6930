import { describe, expect, it } from 'vitest';
import { Board, type BoardStyle } from '../../src/sweeps/board.ts';
import { expandSweep } from '../../src/sweeps/runs.ts';
import { parseSweep } from '../../src/sweeps/sweep.ts';

const RECIPE = new URL('./quickstart.yaml', import.meta.url).pathname;
const SWEEP = `recipe: ${RECIPE}\naxis: kernel\nseeds: [0, 1, 2]\npoints: [{ label: 3, set: { model.kernels: 3 } }]`;

async function board(style: BoardStyle, rows = 24) {
  const { runs } = await expandSweep(parseSweep(SWEEP, '/tmp/mine.yaml'), '/tmp/out', []);
  const written: string[] = [];
  const out = { write: (text: string) => written.push(text), rows };
  const [a, b] = [runs[0]!, runs[1]!];
  return { board: new Board(style, runs, new Map([[a.id, 200]]), out), a, b, text: () => written.join('') };
}
const step = (n: number) =>
  ({ kind: 'step', step: n, epoch: 0, lr: 1, loss: 0.5, gradNorm: 1, imagesPerSecond: 64 }) as const;
const failure = { stage: 'train', exitCode: 7, signal: null, message: 'error: not finite\nhint: x' } as const;

describe('the board', () => {
  it('writes plain lines without escape codes where there is no terminal', async () => {
    const { board: lines, a, b, text } = await board('lines');
    lines.stage(a, 'training');
    for (let n = 1; n <= 100; n++) lines.record(a, step(n));
    lines.end(a, { kind: 'finished' });
    lines.end(b, { kind: 'failed', failure });
    lines.close();
    expect(text()).toBe(
      '3-seed0: training\n3-seed0: step 100/200  loss 0.5000  64.0 images/s  1 min 40 s left\n3-seed0: finished\n' +
        '3-seed1: failed in train, exit 7: error: not finite\n',
    );
  });

  it('rewrites its table on a terminal', async () => {
    const { board: table, a, b, text } = await board('terminal');
    table.stage(a, 'training');
    table.stage(b, 'training');
    table.end(b, { kind: 'failed', failure });
    // The last drawing starts four lines up: three runs and the summary.
    const [, last] = text().split(/\x1b\[4A\x1b\[J(?=[^\x1b]*$)/);
    expect(last).toBe(
      '3-seed0  training\n3-seed1  failed\n3-seed2  waiting\n0 of 3 runs finished, 1 failed\n',
    );
    expect(text()).toContain('\x1b[J3-seed1: failed in train, exit 7: error: not finite\n');
  });

  it('shows no more rows than fit, those at work first', async () => {
    const { board: table, b, text } = await board('terminal', 4);
    table.stage(b, 'training');
    expect(text()).toBe('3-seed1  training\n0 of 3 runs finished\n');
  });

  it('says of which weights an accuracy is', async () => {
    const { board: lines, a, text } = await board('lines');
    const evaluation = {
      kind: 'evaluation',
      step: 9,
      epoch: 0,
      top5: 1,
      loss: 1,
      count: 1,
      skipped: 0,
    } as const;
    lines.record(a, { ...evaluation, weights: 'raw', top1: 0.5 });
    lines.record(a, { ...evaluation, weights: 'ema', top1: 0.25 });
    lines.end(a, { kind: 'finished' });
    expect(text()).toBe(
      '3-seed0: step 9, raw top-1 50.00 %\n3-seed0: step 9, EMA top-1 25.00 %\n' +
        '3-seed0: finished, raw top-1 50.00 %, EMA top-1 25.00 %\n',
    );
    const { board: table, b, text: shown } = await board('terminal');
    const accuracy = (top1: number) => ({ top1, top5: 1, loss: 1, count: 1, correct1: 1, correct5: 1 });
    table.begin(b, 'finished', 9, { raw: accuracy(0.5), ema: accuracy(0.25) });
    table.close();
    expect(shown()).toContain('3-seed1  finished     step 9  raw top-1 50.00 %  EMA top-1 25.00 %\n');
  });

  it('is silent when asked to be', async () => {
    const { board: quiet, a, text } = await board('quiet');
    quiet.stage(a, 'training');
    quiet.end(a, { kind: 'failed', failure });
    expect(text()).toBe('');
  });
});
