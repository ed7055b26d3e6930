import { describe, expect, it } from 'vitest';
import { OP_SETS } from '../../src/bench/op-shapes.ts';
import { adapters } from '../ops/harness.ts';
import { runCli } from '../cli/run-cli.ts';

describe('bench ops', () => {
  it('has shapes that their ops take', () => {
    const rows = Object.values(OP_SETS).flat();
    expect(rows.length).toBeGreaterThan(150);
    for (const { op, inputs, attrs } of rows) expect(() => op.infer(inputs, attrs)).not.toThrow();
  });

  it('times each pass apart, one line of JSON each', async () => {
    const options = [
      '--filter',
      '7x7x768 k=51',
      '--turns',
      '3',
      '--json',
      '--adapter',
      adapters[0] ?? 'auto',
    ];
    const { code, stdout, stderr } = await runCli(['bench', 'ops', 'depthwise', ...options]);
    expect(code, stderr).toBe(0);
    const rows = stdout.trim().split('\n');
    const timings = rows.map((line) => JSON.parse(line) as Record<string, number>);
    expect(timings.map(({ pass }) => pass)).toEqual(['forward', 'grad-input', 'grad-weight']);
    for (const { ms, minMs, gflopsNominal, gflopsLive, gbps } of timings) {
      expect(minMs).toBeGreaterThan(0);
      expect(ms).toBeGreaterThanOrEqual(minMs!);
      expect(gbps).toBeGreaterThan(0);
      // 51² taps, of which a map of 7×7 meets 7² at each of its positions.
      expect(gflopsNominal! / gflopsLive!).toBeCloseTo(51 ** 2 / 7 ** 2, 1);
    }
  });

  it('names what there is', async () => {
    expect((await runCli(['bench', 'ops', 'depthwize'])).stderr).toContain('depthwise, matmul, norm');
    expect((await runCli(['bench', 'ops', 'conv', '--filter', 'k=9'])).stderr).toContain('resnet50 3x3');
  });
});
