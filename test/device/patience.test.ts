import { afterEach, expect, it, vi } from 'vitest';
import { patiently } from '../../src/device/patience.ts';

/** One turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.restoreAllMocks();
});

it('polls without a rest while a wait is short', async () => {
  const rests = vi.spyOn(Atomics, 'wait');
  vi.spyOn(performance, 'now').mockReturnValue(1000);
  for (let i = 0; i < 5; i++) await patiently(turn());
  expect(rests).not.toHaveBeenCalled();
});

it('then rests once in each turn of the event loop, however often something is awaited', async () => {
  const rests = vi.spyOn(Atomics, 'wait');
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (clock += 10));
  let turns = 0;
  let isCounting = true;
  const count = (): void => {
    turns++;
    if (isCounting) setImmediate(count);
  };
  setImmediate(count);
  // One wait begins in the same turn in which the one before it ends.
  for (let i = 0; i < 40; i++) await patiently(turn());
  isCounting = false;
  expect(rests.mock.calls.length).toBeGreaterThan(20);
  expect(rests.mock.calls.length).toBeLessThanOrEqual(turns + 1);
  // And ends when nothing is awaited any more.
  await turn();
  rests.mockClear();
  for (let i = 0; i < 5; i++) await turn();
  expect(rests).not.toHaveBeenCalled();
});
