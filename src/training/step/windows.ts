import type { Device } from '../../device/device.ts';
import type { Location } from '../../execution/program.ts';

/** Host memory that the device copies to, used again and again. */
export class ReadWindow {
  private readonly device: Device;
  private readonly buffer: GPUBuffer;

  constructor(device: Device, label: string, bytes: number) {
    this.device = device;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    this.buffer = device.gpu.createBuffer({ label, size: Math.max(16, bytes), usage });
  }

  /** Reads a range after the work submitted so far. @param use may use the data until it returns */
  async of(from: Location, bytes: number, use: (data: Uint8Array) => Promise<void>): Promise<void> {
    if (bytes === 0) {
      await use(new Uint8Array(0));
      return;
    }
    const encoder = this.device.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(from.buffer, from.offset, this.buffer, 0, bytes);
    this.device.gpu.queue.submit([encoder.finish()]);
    await this.device.wait(this.buffer.mapAsync(GPUMapMode.READ, 0, bytes));
    this.device.check();
    await use(new Uint8Array(this.buffer.getMappedRange(0, bytes)));
    this.buffer.unmap();
  }
}

/** Host memory that the device copies from, used again and again. */
export class WriteWindow {
  private readonly device: Device;
  private readonly buffer: GPUBuffer;
  private mapped: Promise<undefined> | undefined;

  constructor(device: Device, label: string, bytes: number) {
    this.device = device;
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.MAP_WRITE;
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    this.buffer = device.gpu.createBuffer({ label, size, usage, mappedAtCreation: true });
  }

  /** The first bytes, to be filled, once the device has copied what was there. */
  async open(bytes: number): Promise<Uint8Array> {
    if (this.mapped !== undefined) {
      await this.device.wait(this.mapped);
      this.device.check();
    }
    this.mapped = undefined;
    return bytes === 0 ? new Uint8Array(0) : new Uint8Array(this.buffer.getMappedRange(0, bytes));
  }

  /** Records a copy of what was filled in. */
  copy(encoder: GPUCommandEncoder, at: number, to: Location, bytes: number): void {
    if (bytes > 0) encoder.copyBufferToBuffer(this.buffer, at, to.buffer, to.offset, bytes);
  }

  /** Gives the memory to the device and submits the commands that copy from it. */
  submit(encoder: GPUCommandEncoder): void {
    this.buffer.unmap();
    this.device.gpu.queue.submit([encoder.finish()]);
    this.mapped = this.buffer.mapAsync(GPUMapMode.WRITE);
    this.mapped.catch(() => undefined); // awaited when it is opened again
  }
}
