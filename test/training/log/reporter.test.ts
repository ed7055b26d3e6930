import { PassThrough } from 'node:stream';
import { expect, it, vi } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { PipelineCache } from '../../../src/shader/pipelines.ts';
import {
  compilingReporter,
  makeReporter,
  withSigns,
  type Style,
} from '../../../src/training/log/reporter.ts';

/** A reporter with a clock in seconds, and what it wrote. */
function listen(style: Style) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const time = { seconds: 0 };
  const reporter = makeReporter(style, { stdout, stderr }, () => 1000 * time.seconds);
  const written = () =>
    String((stderr.read() as Buffer | null) ?? '') + String((stdout.read() as Buffer | null) ?? '');
  return { reporter, time, written };
}

const STEP = { step: 3, steps: 9, epoch: 0, epochs: 1, loss: 1, lr: 1, imagesPerSecond: 8, secondsLeft: 1 };

it('signs of life come in lines seconds apart, and only after a silence', () => {
  const { reporter, time, written } = listen('lines');
  for (time.seconds = 0; time.seconds < 12; time.seconds++) reporter.working(`at ${time.seconds} s`);
  expect(written()).toBe('at 5 s\nat 10 s\n');
  reporter.progress(STEP); // prints nothing, but a step ended
  time.seconds += 4;
  reporter.working('too soon');
  expect(written()).toBe('');
});

it('signs of life are one rewritten line on a terminal, which the next note clears', () => {
  const { reporter, time, written } = listen('terminal');
  reporter.working('too soon');
  for (const seconds of [3, 3.01, 3.2]) {
    time.seconds = seconds;
    reporter.working(`at ${seconds} s`);
  }
  reporter.note('done');
  expect(written()).toBe('\r\x1b[Kat 3 s\r\x1b[Kat 3.2 s\r\x1b[Kdone\n');
});

it('work that says nothing itself is shown while it lasts', async () => {
  vi.useFakeTimers();
  const { reporter, time, written } = listen('lines');
  let finish = () => {};
  const work = withSigns(reporter, () => `${time.seconds} s so far`, () => new Promise<void>((done) => (finish = done))); // prettier-ignore
  for (time.seconds = 1; time.seconds <= 12; time.seconds++) await vi.advanceTimersByTimeAsync(1000);
  finish();
  await work;
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  expect(written()).toBe('5 s so far\n10 s so far\n');
});

it.each(['quiet', 'json'] as const)('%s shows no signs of life', (style) => {
  const { reporter, time, written } = listen(style);
  time.seconds = 60;
  reporter.working('compiling 1 of 2');
  expect(written()).toBe('');
});

it('pipelines that compile are counted', async () => {
  const waiting: (() => void)[] = [];
  const gpu = {
    pushErrorScope: () => undefined,
    popErrorScope: () => Promise.resolve(null),
    createShaderModule: () => ({ getCompilationInfo: () => Promise.resolve({ messages: [] }) }),
    createComputePipelineAsync: () =>
      new Promise<object>((done) =>
        waiting.push(() => {
          done({});
        }),
      ),
  };
  const pipelines = new PipelineCache({
    gpu,
    host: { cores: 1 },
    wait: <T>(work: T) => work,
  } as unknown as Device);
  const { reporter, time, written } = listen('lines');
  pipelines.onCompile = compilingReporter(reporter);
  const compiled = [1, 2, 3, 3].map((n) =>
    pipelines.get('relu/forward.wgsl', { ITEMS: n, WIDTH: 1, RUN: 1, WORKGROUP: 64 }, { x: {}, y: {} }),
  );
  await expect.poll(() => waiting.length).toBe(3);
  for (const finish of waiting) {
    time.seconds += 6;
    finish();
    await new Promise(setImmediate);
  }
  await Promise.all(compiled);
  expect(written()).toBe('compiling 2 of 3\ncompiling 3 of 3\n');
});
