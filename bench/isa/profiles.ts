import { DEFAULT_LIMITS, type DeviceProfile, profileOf } from '../../src/device/profile.ts';

/** What kernels are lowered for. No memory is allocated: tensors larger than a binding may be are planned all the same. */
const LIMITS = { ...DEFAULT_LIMITS, maxBufferSize: 2 ** 50, maxStorageBufferBindingSize: 2 ** 50 };
const FEATURES = ['subgroups', 'shader-f16'];

/** A GPU with WebGPU's default limits. */
export const PLAIN_PROFILE = profileOf('gpu', LIMITS, FEATURES);

/** A GPU with matrix units, as RADV describes RDNA 3, but with the workgroup memory that NVIDIA's driver offers, which is less. */
export const UNIT_PROFILE = profileOf(
  'gpu',
  { ...LIMITS, maxComputeWorkgroupStorageSize: 49152 },
  [...FEATURES, 'subgroup-size-control'],
  {
    subgroups: { min: 32, max: 64 },
    matrixUnits: [{ operands: 'f16', sums: 'f32', m: 16, n: 16, k: 16 }],
  },
);

/** RADV's families that have units. */
const FAMILIES_WITH_UNITS: readonly string[] = ['navi31', 'navi32', 'navi33', 'gfx1200', 'gfx1201'];

/** The profile that serves all of some families. */
export function profileFor(families: readonly string[]): DeviceProfile {
  return families.every((family) => FAMILIES_WITH_UNITS.includes(family)) ? UNIT_PROFILE : PLAIN_PROFILE;
}
