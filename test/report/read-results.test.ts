import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { columnsOf } from '../../src/report/columns.ts';
import { readModels } from '../../src/report/read-results.ts';
import { resultsCsv, resultsMarkdown } from '../../src/report/tables.ts';
import {
  RESULT,
  type BenchmarkResult,
  type Protocol,
} from '../../src/robustness/benchmarks/evaluation/result.ts';
import { EVALUATION_LOG } from '../../src/robustness/benchmarks/evaluation/store.ts';
import { writeSealed } from '../../src/util/sealed.ts';

const PROTOCOL: Protocol = {
  dataOrigin: 'release',
  preprocessing: 'short side 256 bilinear, centre crop 224',
  normalization: 'mean 0 0 0, std 1 1 1',
  imageSize: 224,
  weights: 'file',
  subset: 'all',
  parts: 'all',
  difficulty: 1,
  normaliser: 'AlexNet',
  classListSha256: 'c'.repeat(64),
  fileListSha256: 'a'.repeat(64),
};

async function write(
  folder: string,
  model: string,
  modelFingerprint: string,
  benchmark = 'c',
  protocol: Partial<Protocol> = {},
  value = 50,
): Promise<string> {
  const path = join(folder, benchmark, 'result.json');
  await mkdir(dirname(path), { recursive: true });
  const result: BenchmarkResult = {
    benchmark,
    name: benchmark,
    model,
    modelFingerprint,
    classes: 1000,
    protocol: { ...PROTOCOL, ...protocol },
    complete: true,
    problems: [],
    items: { asked: 1, scored: 1, unreadable: 0 },
    metrics: [{ id: 'top1', label: 'top-1', protocol: 'full1000', value, unit: '%', better: 'higher' }],
    absent: [],
    rows: [],
    parts: [],
    perClass: {},
    report: { figures: [] },
    isClean: false,
  };
  await writeSealed(path, RESULT, result);
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
    await writeFile(path, '{"format": 1, "benchmark": "c"}');
    await expect(readModels([path])).rejects.toMatchObject({ code: 'file/unsealed' });
    const whole = await readFile(await write(root, 'm', 'f'), 'utf8');
    for (const text of [whole.slice(0, -9), whole.replace('50', '90'), '']) {
      await writeFile(path, text);
      await expect(readModels([path])).rejects.toMatchObject({ code: 'file/damaged' });
    }
  });

  const run = async (protocols: readonly (Partial<Protocol> & { value?: number })[]) => {
    const root = await mkdtemp(join(tmpdir(), 'largekernel-report-'));
    for (const [i, { value = 50 + i, ...protocol }] of protocols.entries())
      await write(join(root, `e${i}`), 'm', 'f', 'val', protocol, value);
    return readModels([root]);
  };

  it('all stand in the report, told apart by what differs in their protocols', async () => {
    const models = await run([
      {},
      { subset: '100 images of each part, evenly spaced', fileListSha256: 'b' },
      { fileListSha256: 'd'.repeat(64) },
      { preprocessing: 'short side 288 bicubic, no crop', imageSize: 288 },
      { preprocessing: 'squash 224 bilinear, no crop' },
      { value: 7 },
    ]);
    expect(models.map(({ name, results }) => [name, results.length])).toEqual([
      ['m', 3],
      ['m: input 288 px, short side 288 bicubic, no crop', 1],
      ['m: squash 224 bilinear, no crop', 1],
      ['m: e5', 1],
    ]);
    const cells = columnsOf(models).flatMap((column) => column.cells.map(({ metric }) => metric.value));
    expect([...cells].sort((a, b) => a - b)).toEqual([7, 50, 51, 52, 53, 54]);
    for (const value of cells) expect(resultsMarkdown(models)).toContain(`${value.toFixed(1)}`);
    const keys = resultsCsv(models)
      .trim()
      .split('\r\n')
      .slice(1)
      .map((line) => line.slice(0, line.search(/,\d+,,,,%/)));
    expect(new Set(keys).size).toBe(6);
    const files = columnsOf(models).filter(({ setting }) => setting.startsWith('files '));
    expect(files.map(({ setting }) => setting)).toEqual(['files aaaaaaaaaaaa', 'files dddddddddddd']);
  });

  it('a copied result is one number, and says who made it', async () => {
    const root = await mkdtemp(join(tmpdir(), 'largekernel-report-'));
    const path = await write(join(root, 'a'), 'm', 'f');
    await mkdir(join(root, 'b', 'c'), { recursive: true });
    await copyFile(path, join(root, 'b', 'c', 'result.json'));
    const session = { date: '2026-01-02T03:04:05.000Z', version: '1', adapter: 'x', node: 'v20' };
    await writeSealed(join(dirname(path), 'sessions.json'), EVALUATION_LOG, { sessions: [session] });
    const [model, ...others] = await readModels([root]);
    expect(others).toEqual([]);
    expect(model!.results).toHaveLength(1);
    expect(model!.sessions).toEqual([session]);
  });
});
