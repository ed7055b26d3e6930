import { copyFileSync, linkSync, readFileSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EXIT_CODES } from '../../src/cli/errors.ts';
import { writePictures } from '../robustness/benchmarks/world.ts';
import { scratchFolder } from '../training/tiny.ts';
import { runCommand } from './run.ts';

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));
const WEIGHTS = fileURLToPath(
  new URL('../../checkpoints/resnet20-cifar10/resnet20.safetensors', import.meta.url),
);

async function refused(...argv: string[]): Promise<string> {
  const { code, stderr } = await runCommand(...argv);
  expect(code, stderr).toBe(2);
  return stderr;
}

it('weights are never written over those that they are made of, under whatever name', async () => {
  const folder = scratchFolder();
  const [file, link, other] = ['a', 'b', 'c'].map((name) => join(folder, `${name}.safetensors`)) as [
    string,
    string,
    string,
  ];
  copyFileSync(WEIGHTS, file);
  symlinkSync(file, link);
  linkSync(file, other);
  for (const output of [file, link, other, join(folder, '.', 'a.safetensors')]) {
    expect(await refused('convert', file, output)).toContain('is the file that is read');
    expect(await refused('merge', '--checkpoint', file, '--output', output)).toContain(
      'is the file that is read',
    );
  }
  expect(readFileSync(file).equals(readFileSync(WEIGHTS))).toBe(true);
});

it('files are what their names say', async () => {
  expect(await refused('export', '--checkpoint', WEIGHTS, '--output', 'x.pth')).toMatch(/ends in \.onnx/);
  expect(await refused('predict', '--checkpoint', WEIGHTS, '--images', 'x', '--output', WEIGHTS)).toMatch(
    /ends in \.npy/,
  );
});

it('two outputs are never one file', async () => {
  const both = await refused('report', 'runs', '--out', 'x/../a.html', '--csv', 'a.html');
  expect(both).toContain('--out and --csv would both write a.html');
});

it('corrupted images are never written among those that they are made of', async () => {
  const root = scratchFolder();
  await writePictures(join(root, 'val'), { cat: 1, dog: 1 });
  const corrupt = (...rest: string[]) => refused('corrupt', '--data', root, '--corruptions', 'fog', ...rest);
  expect(await corrupt('--out', root)).toContain('lies among the images');
  expect(await corrupt('--out', join(root, 'val/fog'))).toContain('lies among the images');
  expect(await corrupt('--out', join(root, 'made'), '--split', '.')).toContain('lies among the images');
  expect(readdirSync(root)).toEqual(['val']);
});

it('a corruption that is in none of the sets asked for is refused before anything is read', async () => {
  expect(
    await refused('corrupt', '--data', 'x', '--out', 'y', '--set', 'c-bar', '--corruptions', 'fog'),
  ).toContain('fog was asked for, which none of c-bar has');
  const evaluate = ['evaluate', '--checkpoint', 'x.pth', '--generate', '--corruptions', 'fog,plasma_noise'];
  expect(await refused(...evaluate, '--benchmarks', 'val,c')).toContain(
    'plasma_noise was asked for, which none of val, c has',
  );
  expect(await refused('evaluate', '--checkpoint', 'x.pth', '--benchmarks', 'vall')).toContain(
    'there is no benchmark "vall"',
  );
});

it('reproduce refuses a folder that it has no use for', async () => {
  const data = scratchFolder();
  const said = await refused('reproduce', 'figure9', '--data', data, '--data22k', data, '--dry-run');
  expect(said).toContain('nothing here is trained on ImageNet-22k');
  const { code } = await runCommand('reproduce', 'figure9', '--data', join(data, 'none'));
  expect(code).toBe(3);
});

it('every error has an exit code of its area; those of defects alone are internal', () => {
  const areas = new Set<string>();
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.ts'))
      for (const [, area = ''] of readFileSync(join(SOURCES, name), 'utf8').matchAll(
        /FrameworkError\(\s*'([a-z0-9-]+)\//g,
      ))
        areas.add(area);
  const without = [...areas].filter((area) => !Object.hasOwn(EXIT_CODES, area));
  expect(without.sort()).toEqual(['graph', 'internal', 'nn', 'shader']);
});
