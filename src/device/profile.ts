import type { AdapterKind } from './adapter-entry.ts';

/** Limits that kernels choose their variants by. Bytes unless said otherwise. */
export interface DeviceLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupsPerDimension: number;
}

/** WebGPU's guaranteed minimum. Kernels that stay within it run on any adapter. */
export const DEFAULT_LIMITS: DeviceLimits = {
  maxBufferSize: 268435456,
  maxStorageBufferBindingSize: 134217728,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65535,
};

/** One operation of a matrix unit, by a subgroup: sums (m, n) += left (m, k) · right (k, n). Types as WGSL writes them. */
export interface MatrixUnit {
  readonly operands: string;
  readonly sums: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** An adapter's subgroups. */
export interface SubgroupProfile {
  /** Fewest and most lanes of a subgroup. */
  readonly subgroups: { readonly min: number; readonly max: number };
  /** Empty without the feature `chromium-experimental-subgroup-matrix`. */
  readonly matrixUnits: readonly MatrixUnit[];
}

/** All that kernels may know of a device when they choose their variants. */
export interface DeviceProfile extends SubgroupProfile {
  readonly limits: DeviceLimits;
  /** WebGPU's features, such as `subgroups` and `shader-f16`. */
  readonly features: ReadonlySet<string>;
  /** Whether a GPU computes, or the processor through a software adapter. */
  readonly machine: 'gpu' | 'processor';
  /** On processors, floats per vector register; 0 on GPUs, whose kernels query the subgroup size themselves. */
  readonly simdWidth: number;
  /** `switch`: at a barrier the adapter switches from one invocation of the workgroup to the next, which costs more than anything else. */
  readonly barrier: 'cheap' | 'switch';
  /**
   * Invocations that keep a large GPU busy: 128 multiprocessors of 1,024. WebGPU does not tell a GPU's size, and smaller GPUs lose little
   * when given more work than they can hold at once.
   */
  readonly busyLanes: number;
}

type Nature = Omit<DeviceProfile, 'limits' | 'features' | keyof SubgroupProfile>;

/** What WGSL promises of subgroups. */
const ANY_SUBGROUPS: SubgroupProfile = { subgroups: { min: 4, max: 128 }, matrixUnits: [] };

const BUSY_LANES = 131072;

const NATURES: Readonly<Record<AdapterKind, Nature>> = {
  gpu: { machine: 'gpu', simdWidth: 0, barrier: 'cheap', busyLanes: BUSY_LANES },
  // llvmpipe compiles for AVX, SwiftShader for SSE.
  lavapipe: { machine: 'processor', simdWidth: 8, barrier: 'cheap', busyLanes: BUSY_LANES },
  swiftshader: { machine: 'processor', simdWidth: 4, barrier: 'switch', busyLanes: BUSY_LANES },
};

/**
 * The profile of an adapter.
 * @example profileOf('gpu', DEFAULT_LIMITS, ['subgroups'])
 */
export function profileOf(
  kind: AdapterKind,
  limits: DeviceLimits,
  features: Iterable<string> = [],
  subgroups = ANY_SUBGROUPS,
): DeviceProfile {
  return { limits, features: new Set(features), ...subgroups, ...NATURES[kind] };
}

/** A GPU with no more than WebGPU's minimum. Plans without a device assume it. */
export const DEFAULT_PROFILE = profileOf('gpu', DEFAULT_LIMITS);
