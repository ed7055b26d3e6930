import type { DeviceProfile } from '../device/profile.ts';
import type { ParamValue } from '../shader/parameters.ts';
import type { Dispatch, Operand } from './kernels.ts';
import { elems } from './tensor.ts';

/** Dispatches that many ops share. */

/**
 * A grid for `groups` workgroups within the limit of 65,535 per dimension: x, then y. Shaders recover the index as
 * `workgroup_id.x + workgroup_id.y * num_workgroups.x` and must guard against surplus workgroups.
 */
export function flatGrid(groups: number, limit = 65535): readonly [number, number, number] {
  if (groups <= limit) return [Math.max(1, groups), 1, 1];
  const y = Math.ceil(groups / limit);
  return [Math.ceil(groups / y), y, 1];
}

const FLAT_WORKGROUP = 256;

/** One invocation per element of `out`. The shader takes #param N and imports common/flat.wgsl. */
export function flat(
  shader: string,
  out: Operand,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>> = {},
): Dispatch[] {
  const n = elems(out.shape);
  return [
    {
      shader,
      params: { N: n, WORKGROUP: FLAT_WORKGROUP, ...params },
      bindings,
      grid: flatGrid(Math.ceil(n / FLAT_WORKGROUP)),
    },
  ];
}

/**
 * One invocation per item of flat vectors as long as `of`: four elements, or one if the length is not a multiple of four. The shader takes
 * #param ITEMS and WIDTH, and imports common/flat.wgsl. @param run items per invocation
 */
export function flatItems(
  shader: string,
  of: Operand,
  bindings: Dispatch['bindings'],
  params: Readonly<Record<string, ParamValue>> = {},
  run = 1,
): Dispatch[] {
  const n = elems(of.shape);
  const width = n % 4 === 0 ? 4 : 1;
  return [
    {
      shader,
      params: { ITEMS: n / width, WIDTH: width, WORKGROUP: FLAT_WORKGROUP, ...params },
      bindings,
      grid: flatGrid(Math.ceil(n / width / run / FLAT_WORKGROUP)),
    },
  ];
}

/** Items that an invocation takes of a flat vector. */
export type Items = { readonly kind: 'plain' | 'processor'; readonly run: number };

/** The one variant of kernels by `runsOfItems`: on a processor an invocation's start costs as much as several items. */
export function itemsVariants({ profile }: { readonly profile: DeviceProfile }): Items[] {
  return profile.machine === 'processor' ? [{ kind: 'processor', run: 16 }] : [{ kind: 'plain', run: 1 }];
}

/** `flatItems` with several items an invocation, told to the shader as #param RUN. */
export function runsOfItems(
  shader: string,
  of: Operand,
  bindings: Dispatch['bindings'],
  { run }: Items,
  params: Readonly<Record<string, ParamValue>> = {},
): Dispatch[] {
  return flatItems(shader, of, bindings, { RUN: run, ...params }, run);
}

const SUM_WORKGROUP = 64;

/** The ordered second stage of a reduction: `out` (n) = Σ over the first dimension of `parts` (parts, n), or accumulates it. */
export function sumParts(parts: Operand, out: Operand): Dispatch {
  const [count = 1] = parts.shape;
  const n = elems(parts.shape) / count;
  return {
    shader: 'common/sum-parts.wgsl',
    params: { N: n, PARTS: count, WORKGROUP: SUM_WORKGROUP },
    bindings: { parts, out },
    grid: flatGrid(Math.ceil(n / SUM_WORKGROUP)),
  };
}
