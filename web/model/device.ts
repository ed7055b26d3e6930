import type { AdapterKind } from '../../src/device/adapter-entry.ts';
import { Device } from '../../src/device/device.ts';
import { FrameworkError } from '../../src/util/errors.ts';

/**
 * The browser's best adapter.
 * @throws FrameworkError `device/no-webgpu`, `device/no-adapter`
 */
export async function openBrowserDevice(): Promise<Device> {
  const gpu = 'gpu' in navigator ? navigator.gpu : undefined;
  if (gpu === undefined)
    throw new FrameworkError('device/no-webgpu', 'This browser has no WebGPU, or does not offer it here.', {
      hint: isSecureContext
        ? 'Chrome and Edge have it from version 113 on, Safari from 26 on, Firefox from 141 on; Firefox on Linux has it in its Nightly.'
        : 'Browsers offer it only to pages from https, from this machine (http://localhost) or from a file.',
    });
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null)
    throw new FrameworkError(
      'device/no-adapter',
      'This browser has WebGPU, but no GPU that it dares to use.',
      {
        hint: 'chrome://gpu or about:support says why. On Linux, Chrome may need --enable-features=Vulkan or --enable-unsafe-webgpu.',
      },
    );
  const { vendor, architecture, device, description } = adapter.info;
  const name = description || device || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';
  const host = { cores: navigator.hardwareConcurrency, wait: <T>(work: Promise<T>) => work };
  const toggles = { enable: [], disable: [] };
  return Device.request(adapter, { kind: kindOf(`${architecture} ${name}`), name, toggles }, host);
}

function kindOf(words: string): AdapterKind {
  if (/llvmpipe/i.test(words)) return 'lavapipe';
  return /swiftshader/i.test(words) ? 'swiftshader' : 'gpu';
}
