import { oneRow } from '../../src/util/terminal.ts';
import { afterEach, expect, it, vi } from 'vitest';
import { ProgressLine } from '../../src/cli/progress-line.ts';

afterEach(() => vi.restoreAllMocks());

it('where the output is no terminal, a line comes now and then, and none for what is done at once', () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  Object.assign(process.stderr, { isTTY: undefined });
  const time = { seconds: 0 };
  const show = (line: ProgressLine, done: number) => {
    line.show('images', { done, before: 0, total: 100 }, 0);
    time.seconds++;
  };
  const short = new ProgressLine(false, () => time.seconds);
  for (const done of [1, 50, 100]) show(short, done);
  expect(written).toEqual([]);
  const long = new ProgressLine(false, () => time.seconds);
  for (let done = 0; done <= 100; done += 2) show(long, done);
  expect(written).toEqual([
    'images  10 of 100  2.0/s  45 s left\n',
    'images  50 of 100  2.0/s  25 s left\n',
    'images  90 of 100  2.0/s  5 s left\n',
    'images  100 of 100  2.0/s  0 s left\n',
  ]);
});

it('a line that is rewritten fits into one row, after a resize too', () => {
  const terminal = { columns: 80 };
  const line = 'epoch 1/5  step 53/1560  loss 0.8153  lr 3.00e-3';
  expect(oneRow(line, terminal)).toBe(line);
  terminal.columns = 40;
  expect(oneRow(line, terminal)).toBe('epoch 1/5  step 53/1560  loss 0.8153  …');
  expect(oneRow(line, {})).toBe(line);
});
