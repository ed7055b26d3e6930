import type { Device } from '../../device/device.ts';
import type { Ranks } from '../../mpi/ranks.ts';
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
  ranks?: Ranks,
): Promise<T> {
  const attempt = await make().catch((error: unknown) => {
    const isRefusal =
      error instanceof FrameworkError &&
      (error.code === 'shader/compile' || error.code === 'shader/pipeline');
    if (!isRefusal || device.profile.matrixUnits.length === 0) throw error;
    return error;
  });
  const isRefused = attempt instanceof FrameworkError;
  // What one rank cannot compute none computes, so that all get the same bits.
  if (!(ranks === undefined ? isRefused : await ranks.any(isRefused))) return attempt as T;
  device.giveUpMatrixUnits();
  const why = isRefused
    ? `${device.name} refuses a kernel: ${attempt.message}`
    : 'another rank cannot use them';
  note(`matrix units are left out, ${why}`);
  return make();
}
