import { FrameworkError, nearest } from '../util/errors.ts';
import type { AdapterEntry } from './adapter-entry.ts';

/** Dawn's toggles: the ones each adapter is opened with, and how a user changes them. */

/** By Dawn's own names: https://dawn.googlesource.com/dawn/+/refs/heads/main/src/dawn/native/Toggles.cpp */
export interface Toggles {
  readonly enable: readonly string[];
  readonly disable: readonly string[];
}

/** The toggles that concern compute shaders, and what each gains. Others are refused, because Dawn silently ignores unknown names. */
const KNOWN: Readonly<Record<string, string>> = {
  allow_unsafe_apis: 'experimental features, such as matrix units',
  use_vulkan_memory_model: 'matrix units on NVIDIA’s driver',
  vulkan_enable_f16_on_nvidia: 'shader-f16, which Dawn hides on NVIDIA’s driver',
  timestamp_quantization: 'timestamps in steps of 65,536 ns',
  disable_robustness: 'shaders check no index: faster, and a wrong one reads and writes anywhere',
  disable_workgroup_init: 'workgroup memory is not zeroed first',
  skip_validation: 'commands are encoded without being checked',
  vulkan_use_cooperative_matrix_robust_access:
    'the driver checks what matrix units load, instead of the shader',
  vulkan_cooperative_matrix_stride_is_matrix_elements:
    'for drivers that count strides of matrices in elements',
  vulkan_use_buffer_robust_access_2: 'the driver checks indices of buffers',
  use_user_defined_labels_in_backend: 'names in a GPU’s debugger',
  dump_shaders: 'prints every shader and what becomes of it',
  disable_symbol_renaming: 'names of shaders stay readable',
};

/** The environment variable that changes toggles: `enable=…,disable=…`. */
export const DAWN_VARIABLE = 'LARGEKERNEL_DAWN';

/** The default toggles of an adapter. Software adapters have Dawn's own. */
export function defaultToggles({ kind, name, backend }: AdapterEntry): Toggles {
  if (kind !== 'gpu') return { enable: [], disable: [] };
  const isNvidiaVulkan = backend === 'vulkan' && /nvidia|geforce|quadro|tesla/i.test(name);
  return {
    enable: [
      'allow_unsafe_apis',
      ...(isNvidiaVulkan ? ['vulkan_enable_f16_on_nvidia', 'use_vulkan_memory_model'] : []),
    ],
    disable: ['timestamp_quantization'],
  };
}

/**
 * Reads `enable=a,b,disable=c`, as --dawn takes it.
 * @throws FrameworkError `device/dawn` that names what is not understood
 */
export function parseToggles(text: string): Toggles {
  const lists = { enable: new Set<string>(), disable: new Set<string>() };
  let list: Set<string> | undefined;
  for (const part of text.split(',').map((word) => word.trim())) {
    const [, verb, first] = /^(enable|disable)=(.*)$/.exec(part) ?? [];
    if (verb === 'enable' || verb === 'disable') list = lists[verb];
    const name = first ?? part;
    if (name === '') continue;
    if (list === undefined || !(name in KNOWN)) throw unknownToggle(text, name, list === undefined);
    list.add(name);
  }
  const twice = [...lists.enable].find((name) => lists.disable.has(name));
  if (twice !== undefined)
    throw new FrameworkError('device/dawn', `\`${text}\` enables and disables ${twice}.`);
  return { enable: [...lists.enable], disable: [...lists.disable] };
}

function unknownToggle(text: string, name: string, isLoose: boolean): FrameworkError {
  const near = nearest(name, isLoose ? [`enable=${name}`] : Object.keys(KNOWN));
  return new FrameworkError(
    'device/dawn',
    isLoose
      ? `Dawn's toggles are given as enable=…,disable=…, got \`${text}\`.`
      : `${name} is none of Dawn's toggles that concern compute shaders${near === undefined ? '' : `; the nearest is ${near}`}.`,
    {
      hint: `They are: ${Object.entries(KNOWN)
        .map(([toggle, what]) => `${toggle} (${what})`)
        .join('; ')}.`,
    },
  );
}

/** An adapter's toggles with those that the user asked for. */
export function togglesFor(
  entry: AdapterEntry,
  asked: string | undefined = process.env[DAWN_VARIABLE],
): Toggles {
  const wanted = parseToggles(asked ?? '');
  const usual = defaultToggles(entry);
  const merge = (list: 'enable' | 'disable', other: 'enable' | 'disable') => [
    ...new Set([...usual[list].filter((name) => !wanted[other].includes(name)), ...wanted[list]]),
  ];
  return { enable: merge('enable', 'disable'), disable: merge('disable', 'enable') };
}

/** Toggles as the binding's `create` takes them. */
export function flagsOf({ enable, disable }: Toggles): string[] {
  return [
    ...(enable.length > 0 ? [`enable-dawn-features=${enable.join(',')}`] : []),
    ...(disable.length > 0 ? [`disable-dawn-features=${disable.join(',')}`] : []),
  ];
}

/** Matrix units. */
export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix';

/** Optional features that kernels use. */
export const FEATURES: readonly string[] = ['shader-f16', 'subgroups', 'timestamp-query'];
/** Optional features that also need toggles, which only GPUs are opened with. */
export const GPU_FEATURES: readonly string[] = [...FEATURES, 'subgroup-size-control', MATRIX_FEATURE];
