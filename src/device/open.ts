import { availableParallelism } from 'node:os';
import { chooseAdapter } from './adapters.ts';
import { Device, type Host } from './device.ts';
import { untilLeaving } from './leaving.ts';
import { patiently } from './patience.ts';
import { withoutNoise } from './quiet.ts';

/**
 * Opens the adapter that `request` names, with the limits and the optional features the kernels use.
 * @example const device = await openDevice('auto')
 */
export async function openDevice(request = 'auto'): Promise<Device> {
  const { adapter, entry, toggles } = await chooseAdapter(request);
  const host: Host = {
    cores: availableParallelism(),
    // A software adapter computes on the cores that waiting would occupy.
    wait: (work) => untilLeaving(entry.kind === 'gpu' ? work : patiently(work)),
  };
  return withoutNoise(() => Device.request(adapter, { ...entry, toggles }, host));
}
