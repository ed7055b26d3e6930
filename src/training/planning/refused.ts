import type { Device } from '../../device/device.ts';
import { FrameworkError } from '../../util/errors.ts';

/**
 * Plans and compiles; once more without matrix units where the driver refuses a shader that may use them, which is said. They are
 * experimental in Dawn and in drivers, and no run should end for their sake.
 * @param make plans for the device's profile as it is, and compiles
 */
export async function withoutRefusedUnits<T>(
  device: Device,
  note: (line: string) => void,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const isRefusal =
      error instanceof FrameworkError &&
      (error.code === 'shader/compile' || error.code === 'shader/pipeline');
    if (!isRefusal || device.profile.matrixUnits.length === 0) throw error;
    device.giveUpMatrixUnits();
    note(`matrix units are left out, ${device.name} refuses a kernel: ${error.message}`);
    return make();
  }
}
