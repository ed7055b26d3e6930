import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { withoutRefusedUnits } from '../../../src/training/planning/refused.ts';
import { FrameworkError } from '../../../src/util/errors.ts';
import { UNIT } from '../../ops/matrix-stand-ins.ts';

/** A device of which nothing but its units matters. */
function cardWith(units: readonly object[]): Device {
  const card = {
    name: 'a card',
    profile: { matrixUnits: units },
    giveUpMatrixUnits: () => (card.profile = { matrixUnits: [] }),
  };
  return card as unknown as Device;
}

const refusal = new FrameworkError('shader/pipeline', 'shaders/matmul/matrix.wgsl makes no pipeline.');

describe('a driver that refuses a kernel', () => {
  const notes: string[] = [];
  const planOn = (device: Device, error: Error) =>
    withoutRefusedUnits(
      device,
      (line) => notes.push(line),
      async () => {
        if (device.profile.matrixUnits.length > 0 || error !== refusal) throw error;
        return 'without units';
      },
    );

  it('costs its matrix units, which is said, and not the run', async () => {
    expect(await planOn(cardWith([UNIT]), refusal)).toBe('without units');
    expect(notes).toEqual([
      'matrix units are left out, a card refuses a kernel: shaders/matmul/matrix.wgsl makes no pipeline.',
    ]);
  });

  it('ends the run where units have no part in it', async () => {
    const memory = new FrameworkError('device/out-of-memory', 'too large');
    await expect(planOn(cardWith([UNIT]), memory)).rejects.toBe(memory);
    const compile = new FrameworkError('shader/compile', 'no');
    await expect(planOn(cardWith([]), compile)).rejects.toBe(compile);
  });
});
