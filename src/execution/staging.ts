import type { Device } from '../device/device.ts';

/** One is filled while the device still copies from the other. */
const BUFFERS = 2;

/**
 * Host memory that stays mapped, for a device buffer that is written again and again. `queue.writeBuffer` allocates fresh memory for
 * every large write: 38 MB take 15.6 ms on an H200's host that way, and 3.7 ms this way.
 */
export class Staging {
  private readonly device: Device;
  private readonly target: GPUBuffer;
  /** Mapped and free, the one that waited longest first. */
  private readonly free: GPUBuffer[];
  private readonly all: readonly GPUBuffer[];

  constructor(device: Device, target: GPUBuffer) {
    this.device = device;
    this.target = target;
    this.all = Array.from({ length: BUFFERS }, (_, i) =>
      device.gpu.createBuffer({
        label: `${target.label} staging ${i}`,
        size: target.size,
        usage: GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC,
        mappedAtCreation: true,
      }),
    );
    this.free = [...this.all];
  }

  /** Writes `data` to the start of the target, in the queue's order. If the device has yet to copy from both buffers, `queue.writeBuffer` does it. */
  write(data: Float32Array | Uint32Array): void {
    const { gpu } = this.device;
    const buffer = this.free.shift();
    if (buffer === undefined) {
      gpu.queue.writeBuffer(this.target, 0, data.buffer, data.byteOffset, data.byteLength);
      return;
    }
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(buffer.getMappedRange(0, Math.ceil(bytes.length / 4) * 4)).set(bytes);
    buffer.unmap();
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, this.target, 0, bytes.length);
    gpu.queue.submit([encoder.finish()]);
    this.device.wait(buffer.mapAsync(GPUMapMode.WRITE)).then(
      () => this.free.push(buffer),
      () => undefined, // destroyed, or the device is lost, which its own check tells
    );
  }

  destroy(): void {
    for (const buffer of this.all) buffer.destroy();
  }
}
