import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModels } from '../../src/report/read-results.ts';

async function write(
  folder: string,
  model: string,
  modelFingerprint: string,
  benchmark = 'c',
): Promise<string> {
  await mkdir(join(folder, benchmark), { recursive: true });
  const path = join(folder, benchmark, 'result.json');
  const rest = { protocol: {}, metrics: [], parts: [], problems: [] };
  await writeFile(path, JSON.stringify({ format: 1, benchmark, model, modelFingerprint, ...rest }));
  return path;
}

describe('results of a report', () => {
  it('are one model where the weights are the same, and told apart by their runs where the name is', async () => {
    const root = await mkdtemp(join(tmpdir(), 'largekernel-report-'));
    await write(join(root, 'k3', 'robustness'), 'convnext-t', 'aa');
    const twice = await write(join(root, 'k3', 'robustness'), 'convnext-t', 'aa', 'val');
    await write(join(root, 'k31', 'robustness', 'ema'), 'convnext-t', 'bb');
    await write(join(root, 'r'), 'resnet20', 'cc');
    const models = await readModels([join(root, 'k3'), twice, join(root, 'k31'), join(root, 'r')]);
    expect(models.map(({ name, paperName, results }) => [name, paperName, results.length])).toEqual([
      ['convnext-t (k3)', 'convnext-t', 2],
      ['convnext-t (k31, EMA)', 'convnext-t', 1],
      ['resnet20', 'resnet20', 1],
    ]);
  });

  it('refuses folders without results and files that are none', async () => {
    const root = await mkdtemp(join(tmpdir(), 'largekernel-report-'));
    await expect(readModels([root])).rejects.toMatchObject({ code: 'data/no-results' });
    await expect(readModels([join(root, 'none')])).rejects.toMatchObject({ code: 'data/no-results' });
    const path = join(root, 'result.json');
    await writeFile(path, '{"format": 2}');
    await expect(readModels([path])).rejects.toThrow(/result of format 1, found 2/);
  });
});
