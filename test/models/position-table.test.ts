import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resamplePositions } from '../../src/models/position-table.ts';
import { createModel } from '../../src/models/registry.ts';
import { uniform } from './formula.ts';
import { relativeError } from './golden.ts';

/** test/golden/models/positions.py */
const golden = JSON.parse(
  readFileSync(new URL('../golden/models/positions.json', import.meta.url), 'utf8'),
) as { from: number; to: number; table: number[] }[];
const C = 3;

describe('position tables', () => {
  it.each(golden)(
    'of $from×$from patches become $to×$to as PyTorch resamples them',
    ({ from, to, table }) => {
      const old = Float32Array.from(uniform('pos_embed', (1 + from * from) * C));
      const resampled = resamplePositions(old, { from, to, c: C });
      expect(relativeError(resampled, table)).toBeLessThan(1e-7);
      expect(resampled.subarray(0, C)).toEqual(old.subarray(0, C));
    },
  );

  it('are resampled for a model of another size, and no other entry is changed', () => {
    const model = createModel('deit-s16', { imageSize: 384 });
    const spec = (name: string) => model.parameters.find((each) => each.name === name)!;
    const adaptation = model.adapt(spec('pos_embed'), [1, 197, 384]);
    expect(adaptation?.note).toBe('position table of 14×14 patches resampled for 24×24');
    expect(adaptation?.apply(new Float32Array(197 * 384)).length).toBe(577 * 384);
    // A table with a distillation token, of another width, and anything else.
    expect(model.adapt(spec('pos_embed'), [1, 198, 384])).toBeUndefined();
    expect(model.adapt(spec('pos_embed'), [1, 197, 192])).toBeUndefined();
    expect(model.adapt(spec('head.weight'), [10, 384])).toBeUndefined();
  });
});
