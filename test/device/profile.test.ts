import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, profileOf, type DeviceLimits } from '../../src/device/profile.ts';
import { planes } from '../../src/ops/depthwise/planes.ts';
import { tilesFor } from '../../src/ops/depthwise/tiles.ts';

/** SwiftShader's limits, which a GPU may have as well. */
const limits: DeviceLimits = {
  ...DEFAULT_LIMITS,
  maxComputeWorkgroupStorageSize: 32768,
  maxStorageBuffersPerShaderStage: 12,
};

describe('the profile of a device', () => {
  it("has WebGPU's own features alone", () => {
    const features = ['subgroups', 'shader-f16'];
    for (const kind of ['gpu', 'lavapipe', 'swiftshader'] as const)
      expect([...profileOf(kind, limits, features).features]).toEqual(features);
  });

  it('tells kernels what computes: nothing is guessed from limits', () => {
    const p = planes('forward', { n: 4, c: 8, h: 28, w: 28, kh: 13, kw: 13 });
    const first = (kind: 'gpu' | 'lavapipe' | 'swiftshader') =>
      tilesFor(p, profileOf(kind, limits, ['subgroups']))[0];
    expect(first('gpu')).toMatchObject({ kind: 'rows' });
    expect(first('swiftshader')).toMatchObject({ kind: 'vector', lanes: 4 });
    expect(first('lavapipe')).toMatchObject({ kind: 'vector', lanes: 8 });
  });
});
