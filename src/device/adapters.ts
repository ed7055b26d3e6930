import { create, globals } from 'webgpu';
import type { AdapterEntry, AdapterKind } from './adapter-entry.ts';
import { FrameworkError, messageOf, nearest } from '../util/errors.ts';
import { flagsOf, togglesFor, type Toggles } from './dawn.ts';
import { withoutNoise } from './quiet.ts';
import { prepareVulkan } from './vulkan.ts';

Object.assign(globalThis, globals);

// Dawn's instances must outlive their adapters and devices, and the process crashes if one is collected, so all are kept.
const instances = new Map<string, GPU>();

function instance(...flags: string[]): GPU {
  const key = flags.join(' ');
  const known = instances.get(key) ?? withoutNoise(() => create(flags));
  instances.set(key, known);
  return known;
}

/** Every adapter that Dawn can see, best first: real GPUs in the driver's order, lavapipe, SwiftShader. */
export async function listAdapters(): Promise<AdapterEntry[]> {
  prepareVulkan();
  // Dawn cannot enumerate adapters. Asked for an adapter with an impossible name, it lists all names it knows.
  let listing = '';
  try {
    const all = instance('adapter=no such adapter');
    await withoutNoise(() => all.requestAdapter());
  } catch (error) {
    listing = messageOf(error);
  }
  const entries: AdapterEntry[] = [];
  for (const match of listing.matchAll(/backend: '([^']+)', name: '([^']*)'/g)) {
    const [, backend = '', name = ''] = match;
    if (backend === 'null' || backend.startsWith('opengl')) continue;
    entries.push({ backend, name, kind: kindOf(name) });
  }
  const rank = { gpu: 0, lavapipe: 1, swiftshader: 2 };
  return entries.sort((a, b) => rank[a.kind] - rank[b.kind]);
}

function kindOf(name: string): AdapterKind {
  if (/llvmpipe/i.test(name)) return 'lavapipe';
  return /swiftshader/i.test(name) ? 'swiftshader' : 'gpu';
}

/** An adapter, and the toggles that its instance of Dawn has. */
export interface ChosenAdapter {
  readonly entry: AdapterEntry;
  readonly toggles: Toggles;
  readonly adapter: GPUAdapter;
}

/** The name of each entry for `--adapter`: its kind, with a number if there are several of that kind. */
export function labelsOf(entries: readonly AdapterEntry[]): string[] {
  return entries.map((entry) => {
    const alike = entries.filter(({ kind }) => kind === entry.kind);
    return alike.length === 1 ? entry.kind : `${entry.kind}:${alike.indexOf(entry)}`;
  });
}

/**
 * The entry that a request names.
 * @param request `auto` (the best there is), a kind, a kind with a number (`gpu:1`, as `doctor` lists them), or part of an adapter's name
 * @throws FrameworkError `device/no-adapter`; `device/adapter` where Dawn would open another one of the same name
 */
export function pickAdapter(request: string, entries: readonly AdapterEntry[]): AdapterEntry {
  const wanted = request.toLowerCase();
  const [, kind, number] = /^(gpu|lavapipe|swiftshader):(\d+)$/.exec(wanted) ?? [];
  const entry =
    wanted === 'auto'
      ? entries[0]
      : kind !== undefined
        ? entries.filter((e) => e.kind === kind)[Number(number)]
        : (entries.find((e) => e.kind === wanted || e.name.toLowerCase() === wanted) ??
          entries.find((e) => e.name.toLowerCase().includes(wanted)));
  if (entry === undefined) throw noAdapter(request, entries);
  // Dawn's binding takes a name and opens the first adapter whose name contains it.
  const opened = entries.find(({ backend, name }) => backend === entry.backend && name.includes(entry.name));
  if (opened !== entry)
    throw new FrameworkError(
      'device/adapter',
      `${request} is ${entry.name}, but Dawn tells adapters apart by name and would open ${opened?.name ?? 'none'}, which comes before it.`,
      {
        hint: 'Show the process one card only: Slurm does with --gpus-per-task=1, a container with NVIDIA_VISIBLE_DEVICES, and where Mesa’s device selection is installed DRI_PRIME=pci-0000_41_00_0 (the address of the card, from lspci) puts a card first.',
      },
    );
  return entry;
}

/** Opens the adapter that a request names; see `pickAdapter`. */
export async function chooseAdapter(request: string): Promise<ChosenAdapter> {
  const entries = await listAdapters();
  const entry = pickAdapter(request, entries);
  const toggles = togglesFor(entry);
  const named = instance(`backend=${entry.backend}`, `adapter=${entry.name}`, ...flagsOf(toggles));
  const adapter = await withoutNoise(() => named.requestAdapter());
  if (adapter === null) throw noAdapter(request, entries);
  return { entry, toggles, adapter };
}

function noAdapter(request: string, entries: readonly AdapterEntry[]): FrameworkError {
  const labels = labelsOf(entries);
  const names = entries.map((e, i) => `${labels[i] as string} (${e.name})`).join(', ');
  // A kind that is asked for and not there is no misspelling.
  const suggestion = nearest(
    request,
    ['auto', ...labels].filter((label) => label !== request),
  );
  const { missing } = prepareVulkan();
  const why = entries.length === 0 && missing !== undefined ? ` ${missing}` : '';
  return new FrameworkError(
    'device/no-adapter',
    `No adapter matches \`${request}\`; found: ${names || 'none'}.${why}`,
    {
      hint:
        entries.length === 0
          ? 'Install a Vulkan driver (Debian: apt-get install mesa-vulkan-drivers) or the optional npm package @sparticuz/chromium; `largekernel doctor` says more.'
          : `Use --adapter ${suggestion ?? 'auto'}; \`largekernel doctor\` says what is missing.`,
    },
  );
}
