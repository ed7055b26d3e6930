import { expect, it } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { PipelineCache } from '../../src/shader/pipelines.ts';

it('shaders are read one in a turn of the event loop, so that signals are heard meanwhile', async () => {
  let turn = 0;
  const count = () => {
    turn++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const read: number[] = [];
  const gpu = {
    pushErrorScope: () => undefined,
    popErrorScope: async () => null,
    createShaderModule: () => {
      read.push(turn);
      return { getCompilationInfo: async () => ({ messages: [] }) };
    },
    createComputePipelineAsync: async () => ({}),
  };
  const host = { cores: 1, wait: (work: Promise<unknown>) => work };
  const device = { gpu, name: 'none', host, wait: host.wait } as unknown as Device;
  const pipelines = new PipelineCache(device);
  const sizes = [1, 2, 3, 4, 5];
  await Promise.all(
    sizes.map((N) =>
      pipelines.get('relu/forward.wgsl', { ITEMS: N, WIDTH: 1, RUN: 1, WORKGROUP: 64 }, { x: {}, y: {} }),
    ),
  );
  clearImmediate(next);
  expect(read).toHaveLength(sizes.length);
  expect(new Set(read).size).toBe(sizes.length);
});
