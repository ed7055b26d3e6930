import { appendFileSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFolder } from '../../src/training/run/run-folder.ts';
import { claim } from '../../src/util/claim.ts';
import { sealedKind, sealedText } from '../../src/util/sealed.ts';
import { LogTail } from '../../src/training/log/log-tail.ts';
import { findRuns, namesOf } from '../../src/watch/find-runs.ts';
import { RunWatch } from '../../src/watch/run-watch.ts';
import { Runs } from '../../src/watch/runs.ts';
import { StepSeries } from '../../src/watch/series.ts';
import { headOf } from '../../src/watch/view.ts';
import type { MetricsRecord } from '../../src/training/log/metrics-log.ts';
import { evaluation, linesOf, makeLooks, makeRun, step, temporary } from './runs.ts';

type StepRecord = MetricsRecord & { kind: 'step' };

describe('a log that grows', () => {
  it('is read once, line by line, and a line without its end waits', async () => {
    const path = join(temporary(), 'metrics.jsonl');
    const text = linesOf([step(1), step(2), step(3)]);
    const cut = text.length - 20;
    writeFileSync(path, text.slice(0, cut));
    const tail = new LogTail(path);
    expect((await tail.poll()).records.map((r) => r.step)).toEqual([1, 2]);
    expect(tail.isCut).toBe(true);
    appendFileSync(path, text.slice(cut));
    expect(await tail.poll()).toEqual({ isNew: false, records: [step(3)] });
    expect(tail.isCut).toBe(false);
    expect((await tail.poll()).records).toEqual([]);
  });

  it('is begun anew where another file takes its place, as when a run goes back to a checkpoint', async () => {
    const path = join(temporary(), 'metrics.jsonl');
    writeFileSync(path, linesOf([step(1), step(2)]));
    const tail = new LogTail(path);
    await tail.poll();
    writeFileSync(`${path}.new`, linesOf([step(1)]));
    renameSync(`${path}.new`, path);
    expect(await tail.poll()).toMatchObject({ isNew: true, records: [{ step: 1 }] });
  });

  it('says which lines are damaged, and keeps the others', async () => {
    const root = makeRun(temporary(), 'run', 10);
    const path = join(root, 'metrics.jsonl');
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[4] = lines[4]!.replace('"step":5', '"step":7');
    writeFileSync(path, lines.join('\n') + '{"kind":"st');
    const run = new RunWatch('run', root);
    await run.refresh();
    expect(run.series.length).toBe(9);
    expect(run.notes).toEqual([
      'metrics.jsonl: line 5 damaged or changed since written; left out here',
      'metrics.jsonl: the last line was cut short; left out here',
    ]);
  });

  it('takes the line ends of Windows, and no step twice where a copy stands behind the log', async () => {
    const path = join(temporary(), 'metrics.jsonl');
    const text = linesOf([step(1), step(2), step(3)]);
    writeFileSync(path, (text + text).replaceAll('\n', '\r\n'));
    const tail = new LogTail(path);
    expect((await tail.poll()).records.map((record) => record.step)).toEqual([1, 2, 3]);
    expect(tail.damaged).toEqual([4, 5, 6]);
  });

  it('tells that a run was killed, whose claim stays as it was', async () => {
    const root = makeRun(temporary(), 'run', 1);
    const path = runFolder(root).claim;
    const held = await claim(path, 'training');
    const when = new Date();
    utimesSync(path, when, when);
    const run = new RunWatch('run', root);
    await run.refresh();
    expect(run.holder?.pid).toBe(process.pid);
    const { seal, ...holder } = JSON.parse(readFileSync(path, 'utf8')) as {
      seal: { kind: string; version: number };
      started: string;
    };
    // Another process has its number now: the file is of the same size and time.
    const started = holder.started.replace(/\d/g, (digit) => String(9 - Number(digit)));
    writeFileSync(path, sealedText(sealedKind(seal.kind, seal.version, ''), { ...holder, started }));
    utimesSync(path, when, when);
    expect(await run.refresh()).toBe(true);
    expect(run.holder).toBeUndefined();
    await held.release();
  });

  it('says how many losses are no numbers', async () => {
    const root = makeRun(temporary(), 'run', 1);
    writeFileSync(
      join(root, 'metrics.jsonl'),
      linesOf([step(1), step(2, { loss: null }), step(3, { gradNorm: null })]),
    );
    const run = new RunWatch('run', root);
    await run.refresh();
    expect(run.notes).toEqual([
      'the loss is not finite in 1 step: gaps in the curve',
      'the gradient norm is not finite in 1 step: gaps in the curve',
    ]);
  });
});

describe('curves in buckets', () => {
  const series = new StepSeries();
  for (let n = 1; n <= 5000; n++) series.add(step(n, { loss: n === 777 ? 100 : n }) as StepRecord);

  it('keep the least and the largest value, so that no spike is lost', () => {
    const stride = series.strideFor(1000);
    const { x, series: by } = series.points(stride);
    expect(stride).toBe(8);
    expect(x).toHaveLength(625);
    expect(x.slice(0, 2)).toEqual([8, 16]);
    expect(by.loss.low![97]).toBe(100);
    expect(by.loss.high![0]).toBe(8);
    expect(by.loss.y[0]).toBe(4.5);
  });

  it('are told from a step on as they are told whole', () => {
    const [whole, rest] = [series.points(8), series.points(8, 4001)];
    expect(rest.from).toBe(500);
    expect(rest.x).toEqual(whole.x.slice(500));
    expect(rest.series.loss).toEqual({
      y: whole.series.loss.y.slice(500),
      low: whole.series.loss.low!.slice(500),
      high: whole.series.loss.high!.slice(500),
    });
  });

  it('end at the last step where that fills no bucket, and have gaps where there is no number', () => {
    const short = new StepSeries();
    for (let n = 1; n <= 5; n++) short.add(step(n, n > 2 ? { loss: null } : {}) as StepRecord);
    expect(short.points(2)).toMatchObject({
      x: [2, 4, 5],
      series: { loss: { y: [expect.any(Number), null, null] } },
    });
  });
});

describe('runs below folders', () => {
  it('are found at any depth, but not inside a run, and named without what all share', async () => {
    const root = temporary();
    makeRun(root, 'sweep/k3/seed1', 1);
    makeRun(root, 'sweep/k31/seed1', 1);
    makeRun(join(root, 'sweep/k3/seed1'), 'checkpoints', 1);
    mkdirSync(join(root, 'empty'));
    const found = await findRuns([root, join(root, 'sweep')]);
    expect(found).toEqual([join(root, 'sweep/k3/seed1'), join(root, 'sweep/k31/seed1')]);
    expect(namesOf(found)).toEqual(['k3/seed1', 'k31/seed1']);
    expect(namesOf(['/a/b'])).toEqual(['b']);
    expect(namesOf([])).toEqual([]);
    await expect(findRuns([join(root, 'nothing')])).rejects.toMatchObject({ code: 'file/missing' });
  });

  it('may all begin later', async () => {
    const root = temporary();
    const runs = new Runs([root]);
    expect([await runs.find(), runs.views()]).toEqual([false, []]);
    makeRun(root, 'a', 10);
    expect([await runs.find(), runs.views().map(({ name }) => name)]).toEqual([true, ['a']]);
  });

  it('tell what changed, and those that begin later', async () => {
    const root = temporary();
    const folder = makeRun(root, 'a', 10);
    const runs = new Runs([root]);
    await runs.find();
    expect(runs.views().map(({ name, step: at, state }) => [name, at, state])).toEqual([
      ['a', 10, 'stopped'],
    ]);
    await runs.poll(true);
    writeFileSync(join(folder, 'metrics.jsonl'), linesOf(Array.from({ length: 12 }, (_, i) => step(i + 1))));
    const [change] = await runs.poll(true);
    expect(change).toMatchObject({
      id: 0,
      step: 12,
      points: { x: expect.arrayContaining([11, 12]) as number[] },
    });
    expect(await runs.poll(true)).toEqual([]);
    makeRun(root, 'b', 3);
    expect(await runs.find()).toBe(true);
    expect(runs.views().map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

describe('a run', () => {
  it('tells steps, evaluations and looks', async () => {
    const root = makeRun(temporary(), 'run', 200);
    await makeLooks(root, ['cat', 'dog']);
    const run = new RunWatch('run', root);
    await run.refresh();
    const head = headOf(run, 0);
    expect(head).toMatchObject({ step: 200, steps: 1000, secondsLeft: null });
    expect(head.imagesPerSecond).toBeCloseTo(500);
    expect(head.evaluations.map((each) => each.step)).toEqual([100, 200]);
    expect(run.looks.evaluations[0]?.mistakes).toHaveLength(1);
    const kernels = join(root, 'looks/kernels.json');
    writeFileSync(kernels, readFileSync(kernels, 'utf8').replace('"ms": 10', '"ms": 11'));
    await run.refresh();
    expect(run.notes.join()).toContain('looks/kernels.json (look at kernels) was damaged');
    expect(run.looks.training?.classes).toEqual(['cat', 'dog']);
  });

  it('forgets evaluations that a resumed run makes again', async () => {
    const root = makeRun(temporary(), 'run', 100);
    const run = new RunWatch('run', root);
    await run.refresh();
    const path = join(root, 'metrics.jsonl');
    writeFileSync(`${path}.new`, linesOf([step(1), evaluation(1, 0.5)]));
    renameSync(`${path}.new`, path);
    await run.refresh();
    expect(run.evaluations.map((each) => each.step)).toEqual([1]);
  });
});
