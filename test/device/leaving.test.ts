import { expect, it } from 'vitest';
import { leave, untilLeaving } from '../../src/device/leaving.ts';

it('a process that leaves lets what is under way finish, and nobody goes on with it', async () => {
  const ended: string[] = [];
  const work = (name: string, ms: number) =>
    untilLeaving(new Promise((resolve) => setTimeout(resolve, ms)).then(() => ended.push(name)));
  await work('before', 1);
  const going = (async () => {
    await work('first', 20);
    await work('second', 1);
    ended.push('went on');
  })();
  void work('other', 40).then(() => ended.push('was awaited'));
  await leave(5000);
  expect(ended).toEqual(['before', 'first', 'other']);
  // What takes longer than there is time is left.
  void work('long', 10_000);
  const start = performance.now();
  await leave(50);
  expect(performance.now() - start).toBeLessThan(2000);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(ended).toEqual(['before', 'first', 'other']);
  void going;
});
