import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** The package as `npm pack` makes it, installed into an empty folder with what it depends on and nothing else. */

const run = promisify(execFile);
const ROOT = new URL('..', import.meta.url).pathname;

let folder: string;

interface Manifest {
  readonly dependencies: Record<string, string>;
  readonly bin: Record<string, string>;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'largekernel-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('[\n'))) as { filename: string }[];
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'largekernel'), { recursive: true });
  await run('tar', [
    'xzf',
    join(folder, packed!.filename),
    '--strip-components=1',
    '-C',
    join(modules, 'largekernel'),
  ]);
  // Production dependencies only, so that one which is missing from `dependencies` is missing here too.
  const { stdout: paths } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT });
  for (const path of paths.trim().split('\n').slice(1)) {
    const target = join(modules, path.slice(join(ROOT, 'node_modules/').length));
    await mkdir(dirname(target), { recursive: true });
    await symlink(path, target);
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const command = (name: string, ...args: string[]) =>
  run(process.execPath, [join(folder, 'node_modules/largekernel', `bin/${name}.cjs`), ...args], {
    cwd: folder,
  });

describe('the packed package', () => {
  it('has the commands that its manifest names', async () => {
    const manifest = JSON.parse(
      await readFile(join(folder, 'node_modules/largekernel/package.json'), 'utf8'),
    ) as Manifest;
    expect(manifest.bin).toEqual({ largekernel: 'bin/largekernel.cjs', train: 'bin/train.cjs' });
    const { stdout } = await command('largekernel', 'recipes');
    expect(stdout).toContain('convnext-t-k31');
  });

  it('trains with worker threads', async () => {
    const { stderr } = await command(
      'train',
      '--recipe',
      'quickstart',
      '--max-steps',
      '1',
      '--adapter',
      'swiftshader',
    );
    expect(stderr).toContain('after step 1 of');
  });

  it('times kernels', async () => {
    const options = ['--filter', 'cross-entropy', '--turns', '1', '--adapter', 'swiftshader', '--json'];
    const { stdout } = await command('largekernel', 'bench', 'ops', 'rest', ...options);
    expect(stdout).toContain('"op":"soft-cross-entropy"');
  });

  it('has a typed interface: the documented example compiles against it and runs', async () => {
    const source = await readFile(join(ROOT, 'docs/examples/own-block.ts'), 'utf8');
    expect(source.split('\n').length).toBeLessThan(40);
    await writeFile(join(folder, 'own-block.mts'), source);
    const types = join(ROOT, 'node_modules/@types');
    const compile = [
      'own-block.mts',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--skipLibCheck',
    ];
    await run(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), ...compile, '--typeRoots', types, '--types', 'node'],
      { cwd: folder },
    );
    const { stdout } = await run(process.execPath, ['own-block.mjs', 'swiftshader'], { cwd: folder });
    expect(stdout.match(/loss: [0-9.]+/g)).toHaveLength(2);
    expect(stdout).toContain('dx 8192');
  });
});
