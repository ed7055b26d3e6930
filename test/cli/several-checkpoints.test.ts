import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../campaigns/tiny-model.ts';
import { runCommand } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'largekernel-several-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a list of checkpoints', () => {
  const missing = join(folder, 'missing.safetensors');
  it.each([
    ['attack', 'fgsm', '--checkpoint', missing],
    ['attack', 'fgsm', '--target', missing],
    ['analyze', 'occlusion', '--checkpoint', missing],
    ['analyze', 'kernel-distance', '--checkpoint', missing],
  ])('is opened before the first is worked on: %s %s %s', async (command, name, option, path) => {
    const out = join(folder, 'out');
    const [first = '', file = '', ...rest] = await tinyModel(folder, 10, 28, 'none');
    const images = name === 'kernel-distance' ? rest.slice(0, 2) : rest;
    const model = images.filter((word, i) => word !== '--adapter' && images[i - 1] !== '--adapter');
    const list = option === first ? [first, file, path] : [first, file, option, path];
    const { code, stderr } = await runCommand(command, name, ...list, ...model, '--out', out);
    expect([code, stderr]).toEqual([8, expect.stringContaining(missing)]);
    expect(existsSync(out)).toBe(false);
  });
});
