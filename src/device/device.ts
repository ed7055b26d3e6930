import { FrameworkError } from '../util/errors.ts';
import type { AdapterKind } from './adapter-entry.ts';
import { FEATURES, GPU_FEATURES, MATRIX_FEATURE, type Toggles } from './dawn.ts';
import { profileOf, type DeviceLimits, type DeviceProfile, type SubgroupProfile } from './profile.ts';

/** What runs the program, Node or a browser, as a device needs it. */
export interface Host {
  /** Cores that may compile shaders. */
  readonly cores: number;
  /** Awaits work of the device. */
  wait<T>(work: Promise<T>): Promise<T>;
}

/** What is known of an adapter besides what it offers. */
export interface AdapterNote {
  readonly kind: AdapterKind;
  /** The driver's name for it. */
  readonly name: string;
  readonly toggles: Toggles;
}

/** An open device: the WebGPU device, what it can do, and the first error it reported. */
export class Device {
  readonly gpu: GPUDevice;
  readonly host: Host;
  readonly kind: AdapterKind;
  /** The driver's name for the adapter. */
  readonly name: string;
  readonly description: string;
  readonly vendor: string;
  readonly architecture: string;
  /** The toggles that the adapter was opened with. */
  readonly toggles: Toggles;
  private offer: DeviceProfile;
  private failure: FrameworkError | undefined;
  private closing = false;

  private constructor(
    gpu: GPUDevice,
    info: GPUAdapterInfo,
    { kind, name, toggles }: AdapterNote,
    host: Host,
  ) {
    this.gpu = gpu;
    this.host = host;
    this.kind = kind;
    this.name = name;
    this.toggles = toggles;
    this.description = info.description;
    this.vendor = info.vendor;
    this.architecture = info.architecture;
    this.offer = profileOf(kind, readLimits(gpu.limits), gpu.features, readSubgroups(info, gpu.features));
    gpu.onuncapturederror = (event) => {
      this.fail(gpuError(event.error, 'an unguarded call', this));
    };
    // Never rejects; loss is reported through check().
    void gpu.lost.then((info) => {
      if (this.closing) return;
      this.fail(
        new FrameworkError('device/lost', `The device ${name} was lost (${info.reason}): ${info.message}.`, {
          hint: 'The last checkpoint is intact; resume with --resume. A smaller batch.micro makes driver time-outs less likely.',
        }),
      );
    });
  }

  /** A device of `adapter`, with its limits and those of the optional features that kernels use. */
  static async request(adapter: GPUAdapter, note: AdapterNote, host: Host): Promise<Device> {
    const wanted = note.kind === 'gpu' ? GPU_FEATURES : FEATURES;
    const gpu = await adapter.requestDevice({
      label: note.name,
      requiredLimits: { ...readLimits(adapter.limits) },
      // Some are Dawn's own, which the types do not know.
      requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[],
    });
    return new Device(gpu, adapter.info, note, host);
  }

  /** What kernels choose their variants by. */
  get profile(): DeviceProfile {
    return this.offer;
  }

  /** Plans made from now on use no matrix units. */
  giveUpMatrixUnits(): void {
    this.offer = { ...this.offer, matrixUnits: [] };
  }

  get limits(): DeviceLimits {
    return this.profile.limits;
  }

  get features(): ReadonlySet<string> {
    return this.profile.features;
  }

  private fail(error: FrameworkError): void {
    this.failure ??= error;
  }

  /** Throws the first asynchronous error of the device, if there was one. Call it wherever results are read. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Runs `work` inside error scopes and waits for their results. A GPU error becomes a FrameworkError that names `label`.
   */
  async guard<T>(label: string, work: () => T | Promise<T>): Promise<T> {
    this.gpu.pushErrorScope('internal');
    this.gpu.pushErrorScope('out-of-memory');
    this.gpu.pushErrorScope('validation');
    let result: T | undefined;
    let thrown: unknown;
    let failed = false;
    try {
      result = await work();
    } catch (error) {
      thrown = error;
      failed = true;
    }
    const errors = [
      await this.gpu.popErrorScope(),
      await this.gpu.popErrorScope(),
      await this.gpu.popErrorScope(),
    ];
    const first = errors.find((error) => error !== null);
    if (first) throw gpuError(first, label, this);
    if (failed) throw thrown;
    this.check();
    return result as T;
  }

  /** A storage buffer that can be copied to and from. @param bytes rounded up to a multiple of 16 */
  buffer(label: string, bytes: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    if (size > this.limits.maxBufferSize) {
      throw new FrameworkError(
        'device/buffer-too-large',
        `${label} needs ${size} bytes, but ${this.name} allows ${this.limits.maxBufferSize} in one buffer.`,
        { hint: 'Use a smaller batch.micro; `largekernel plan` names the largest tensors.' },
      );
    }
    return this.gpu.createBuffer({
      label,
      size,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
  }

  /** Waits for the queue and copies bytes back to the host. */
  async read(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<ArrayBuffer> {
    const size = Math.ceil(bytes / 4) * 4;
    const staging = this.gpu.createBuffer({
      label: 'readback',
      size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    try {
      const encoder = this.gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      this.gpu.queue.submit([encoder.finish()]);
      await this.wait(staging.mapAsync(GPUMapMode.READ));
      this.check();
      return staging.getMappedRange().slice(0, bytes);
    } catch (error) {
      this.check();
      throw error;
    } finally {
      staging.destroy();
    }
  }

  async readFloats(buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<Float32Array> {
    return new Float32Array(await this.read(buffer, offset, bytes));
  }

  /** Awaits work of the device. */
  wait<T>(work: Promise<T>): Promise<T> {
    return this.host.wait(work);
  }

  /** Waits until all submitted work is done, then reports any error. */
  async settle(): Promise<void> {
    await this.wait(this.gpu.queue.onSubmittedWorkDone());
    this.check();
  }

  close(): void {
    this.closing = true;
    this.gpu.destroy();
  }
}

/** `subgroupMatrixConfigs` is Dawn's own, in Dawn's words. */
interface DawnInfo extends GPUAdapterInfo {
  readonly subgroupMatrixConfigs?: Iterable<
    Readonly<Record<'componentType' | 'resultComponentType', string> & Record<'M' | 'N' | 'K', number>>
  >;
}

function readSubgroups(info: DawnInfo, features: GPUSupportedFeatures): SubgroupProfile {
  const units = features.has(MATRIX_FEATURE) ? [...(info.subgroupMatrixConfigs ?? [])] : [];
  return {
    subgroups: { min: info.subgroupMinSize ?? 4, max: info.subgroupMaxSize ?? 128 },
    matrixUnits: units.map(({ componentType, resultComponentType, M, N, K }) => ({
      operands: componentType,
      sums: resultComponentType,
      m: M,
      n: N,
      k: K,
    })),
  };
}

function readLimits(limits: GPUSupportedLimits): DeviceLimits {
  return {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
  };
}

function gpuError(error: GPUError, label: string, device: { name: string }): FrameworkError {
  const memory = error instanceof GPUOutOfMemoryError;
  return new FrameworkError(
    memory ? 'device/out-of-memory' : 'device/gpu-error',
    `${label} failed on ${device.name}: ${error.message}`,
    memory
      ? { hint: 'Use a smaller batch.micro or recompute: blocks; `largekernel plan` shows what is needed.' }
      : {
          hint: 'This is a defect of largekernel or of the driver; `largekernel doctor` tests every kernel on this adapter.',
        },
  );
}
