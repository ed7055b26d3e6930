import { mkdir, mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';

/** A checkout's commands run what bin/compile.cjs makes of the sources. */

const run = promisify(execFile);
const { compileSources } = createRequire(import.meta.url)('../../bin/compile.cjs') as {
  compileSources: (root: string) => Promise<string>;
};

let root: string;
const write = (file: string, text: string) => writeFile(join(root, 'src', file), text);

/** Compiles, and prints what `main` exports. */
async function output(): Promise<string> {
  const main = join(await compileSources(root), 'main.js');
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    `const { say } = await import(${JSON.stringify(main)}); console.log(await say());`,
  ]);
  return stdout.trim();
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'largekernel-compile-'));
  await mkdir(join(root, 'src/deep'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
  await write('main.ts', `export const say = async () => (await import('./deep/word.ts')).word as string;`);
  await write(
    'deep/word.ts',
    `import type { Stats } from 'node:fs'; import { tail } from '../tail.ts';
    const file = new URL('../../data', import.meta.url).pathname;
    export const word: string = [file.slice(-5), tail, undefined as Stats | undefined].join('');`,
  );
  await write('tail.ts', `export const tail: string = ' one';`);
});

afterAll(() => rm(root, { recursive: true, force: true }));

it('compiles each source once, and again when it changes, to a newer or to an older version', async () => {
  expect(await output()).toBe('/data one');
  const before = await stat(join(root, '.build/main.js'));
  await write('tail.ts', `export const tail = ' two';`);
  expect(await output()).toBe('/data two');
  await write('tail.ts', `export const tail = ' old';`);
  await utimes(join(root, 'src/tail.ts'), 1e9, 1e9);
  expect(await output()).toBe('/data old');
  expect((await stat(join(root, '.build/main.js'))).ino).toBe(before.ino);
});

it('names a mistake in a source and leaves the compiled files', async () => {
  await write('tail.ts', 'export const tail = ;');
  await expect(compileSources(root)).rejects.toThrow(/tail\.ts:1:20/);
  expect((await stat(join(root, '.build/tail.js'))).mtimeMs).toBe(1e12);
});

/** Node resolves everything but one package. */
const without = (name: string) => {
  const fault = `Object.assign(new Error("Cannot find package '${name}' imported from x"), { code: 'ERR_MODULE_NOT_FOUND' })`;
  const hooks = `export const resolve = (path, context, next) => { if (path === '${name}') throw ${fault}; return next(path, context); }`;
  const module = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
  return `--import=${module(`import { register } from 'node:module'; register(${JSON.stringify(module(hooks))});`)}`;
};

it.each(['commander', 'webgpu'])('says that %s must be installed, where it is not', async (name) => {
  const { code, stderr } = await runCli(['doctor'], { env: { NODE_OPTIONS: without(name) } });
  expect(stderr).toMatch(
    new RegExp(
      `^error: what is installed in .* is not complete: Cannot find package '${name}' imported from .*\nhint: run \`npm ci\` there`,
    ),
  );
  expect(code).toBe(8);
});
