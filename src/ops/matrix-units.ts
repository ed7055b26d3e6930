import type { DeviceProfile, MatrixUnit } from '../device/profile.ts';

/** The matrix units (tensor cores) that kernels use: 16-bit operands, 32-bit sums. */

/** Rows of the left matrix, and the inner size, of every unit that is used here. */
export const SIDE = 16;
/** Lanes of a subgroup. */
export const UNIT_LANES = 32;
/** f16 elements of padding after each row of a tile, so that rows begin in different banks. */
export const GAP = 8;

/** The unit that kernels use, the wider one where there are several. */
export function unitOf({ features, matrixUnits, subgroups }: DeviceProfile): MatrixUnit | undefined {
  const { min, max } = subgroups;
  if (min > UNIT_LANES || max < UNIT_LANES || (min !== max && !features.has('subgroup-size-control')))
    return undefined;
  const fitting = matrixUnits.filter(
    ({ operands, sums, m, n, k }) =>
      operands === 'f16' && sums === 'f32' && m === SIDE && k === SIDE && (n === 16 || n === 8),
  );
  return fitting.sort((a, b) => b.n - a.n)[0];
}
