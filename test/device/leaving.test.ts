import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
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
  expect(await leave(5000)).toBe(true);
  expect(ended).toEqual(['before', 'first', 'other']);
  // What takes longer than there is time, here ten days, is left.
  void work('long', 2 ** 30);
  expect(await leave(50)).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(ended).toEqual(['before', 'first', 'other']);
  void going;
});

// A driver that an exit handler takes down crashes the process while its threads compute: no handler may run.
it.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'])(
  '%s ends a process without its exit handlers',
  (signal) => {
    const source = readFileSync(new URL('../../src/device/leaving.ts', import.meta.url), 'utf8');
    const target = { target: ScriptTarget.ES2022, module: ModuleKind.ESNext };
    const script = `${transpileModule(source, { compilerOptions: target }).outputText}
    process.on('exit', () => process.stdout.write('exit handler'));
    process.on('${signal}', () => process.stdout.write('listener'));
    process.stdout.write('begun ');
    setInterval(() => {}, 1000);
    endBySignal('${signal}');`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect([ended.signal, ended.stdout]).toEqual([signal, 'begun ']);
  },
);
