import { describe, expect, it } from 'vitest';
import { Staging } from '../../src/execution/staging.ts';
import { adapters, deviceFor } from '../ops/harness.ts';

const COUNT = 1027;
const WRITES = 7;

describe.each(adapters)('writes through mapped memory on %s', (kind) => {
  it('come in order, also where the device lags behind, and again once memory is free', async () => {
    const { device } = await deviceFor(kind);
    const { queue } = device.gpu;
    const target = device.buffer('target', COUNT * 4);
    const seen = device.buffer('seen', WRITES * 2 * target.size);
    const staging = new Staging(device, target);
    const value = (write: number, i: number) => write * 10_000 + i;
    for (let write = 0; write < 2 * WRITES; write++) {
      if (write === WRITES) await device.settle();
      // A part of an array that goes on, as a micro-batch is of a batch.
      const data = Float32Array.from({ length: COUNT + 9 }, (_, i) => value(write, i - 4));
      staging.write(data.subarray(4, 4 + COUNT));
      const encoder = device.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(target, 0, seen, write * target.size, COUNT * 4);
      queue.submit([encoder.finish()]);
    }
    const stride = target.size / 4;
    const floats = await device.readFloats(seen);
    for (let write = 0; write < 2 * WRITES; write++) {
      const got = floats.subarray(write * stride, write * stride + COUNT);
      expect(got).toEqual(Float32Array.from({ length: COUNT }, (_, i) => value(write, i)));
    }
    staging.destroy();
    await device.settle();
    target.destroy();
    seen.destroy();
  });
});
