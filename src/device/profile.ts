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

/** What WebGPU guarantees everywhere; kernels that stay inside run on any adapter. */
export const DEFAULT_LIMITS: DeviceLimits = {
  maxBufferSize: 268435456,
  maxStorageBufferBindingSize: 134217728,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65535,
};

/** What a matrix unit does: sums (m, n) += left (m, k) · right (k, n), by a subgroup. Types as WGSL writes them. */
export interface MatrixUnit {
  readonly operands: string;
  readonly sums: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** What an adapter says of its subgroups. */
export interface SubgroupProfile {
  /** Lanes a subgroup: least and most. */
  readonly subgroups: { readonly min: number; readonly max: number };
  /** Empty where the feature `chromium-experimental-subgroup-matrix` is not there. */
  readonly matrixUnits: readonly MatrixUnit[];
}

/** What kernels choose their variants by: all that they may know of a device. */
export interface DeviceProfile extends SubgroupProfile {
  readonly limits: DeviceLimits;
  /** WebGPU's features, such as `subgroups` and `shader-f16`. */
  readonly features: ReadonlySet<string>;
  /** Whether a GPU computes, or the processor through a software adapter. */
  readonly machine: 'gpu' | 'processor';
  /** Floats of a vector register where a processor computes; 0 on GPUs, whose kernels ask for the subgroup's size themselves. */
  readonly simdWidth: number;
  /** `switch`: an adapter that changes from one invocation of a workgroup to the next at each barrier, which costs more than all else. */
  readonly barrier: 'cheap' | 'switch';
  /**
   * Invocations in flight that keep a large GPU busy: WebGPU does not tell how large one is, and smaller ones lose little by being given
   * more than they can hold at once. 128 multiprocessors of 1,024.
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

/** A GPU that offers no more than every WebGPU adapter: what is planned for where no device is named. */
export const DEFAULT_PROFILE = profileOf('gpu', DEFAULT_LIMITS);
