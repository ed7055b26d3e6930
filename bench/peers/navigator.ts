import { chooseAdapter } from '../../src/device/adapters.ts';
import { patiently } from '../../src/device/patience.ts';

/**
 * Browsers' libraries look for WebGPU in `navigator.gpu`, which Node lacks. This one hands out the adapter that largekernel
 * would open, from the same build of Dawn, and remembers the devices that are made, so that all are waited for alike.
 */

const devices: GPUDevice[] = [];
let isSoftware = false;

export function installNavigator(request: string): void {
  const gpu = {
    async requestAdapter(): Promise<GPUAdapter> {
      const { entry, adapter } = await chooseAdapter(request);
      isSoftware = entry.kind !== 'gpu';
      const make = adapter.requestDevice.bind(adapter);
      adapter.requestDevice = async (descriptor) => {
        const device = await make(descriptor);
        copyFromShared(device.queue);
        devices.push(device);
        return device;
      };
      return adapter;
    },
    getPreferredCanvasFormat: () => 'bgra8unorm',
    wgslLanguageFeatures: new Set<string>(),
  };
  // userAgent: jax-js asks it for Firefox and for phones.
  const value = { gpu, userAgent: 'Node', platform: 'Linux', hardwareConcurrency: 1, language: 'en' };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
}

/** onnxruntime-web writes out of shared WebAssembly memory, which Dawn's binding for Node refuses and browsers do not. */
function copyFromShared(queue: GPUQueue): void {
  const write = queue.writeBuffer.bind(queue);
  queue.writeBuffer = (buffer, offset, data, from = 0, size = undefined) => {
    const isShared = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer;
    if (!isShared) {
      write(buffer, offset, data, from, size);
      return;
    }
    // Whole bytes: `from` and `size` count elements, and onnxruntime-web's are bytes.
    const bytes = data as Uint8Array;
    const end = size === undefined ? undefined : from + size;
    write(buffer, offset, bytes.slice(from, end));
  };
}

/** Waits until the queue of every device is empty, as largekernel does: without keeping a core busy where it computes. */
export async function drain(): Promise<void> {
  for (const device of devices) {
    const done = device.queue.onSubmittedWorkDone();
    await (isSoftware ? patiently(done) : done);
  }
}
