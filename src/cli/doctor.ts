import type { Command } from 'commander';
import type { AdapterEntry } from '../device/adapter-entry.ts';
import { labelsOf, listAdapters } from '../device/adapters.ts';
import type { Toggles } from '../device/dawn.ts';
import { gpuMemory } from '../device/memory.ts';
import { openDevice } from '../device/open.ts';
import type { SubgroupProfile } from '../device/profile.ts';
import { prepareVulkan } from '../device/vulkan.ts';
import { cacheFolder } from '../util/cache-folder.ts';
import { underWay } from './say.ts';
import { PipelineCache } from '../shader/pipelines.ts';
import { FrameworkError } from '../util/errors.ts';
import { OPS } from '../execution/kernels.ts';
import { type Proof, proveOp } from '../execution/prove.ts';

interface Options {
  readonly adapter?: string;
  readonly json?: boolean;
}

/** `largekernel doctor`: adapters, features, limits, what is missing, and a proof that every kernel is right on the device. */
export function addDoctor(command: Command): void {
  command
    .option('--adapter <name>', 'prove kernels on this adapter only (default: on all)')
    .option('--json', 'one JSON object on standard output')
    .action(doctor);
}

async function doctor(options: Options): Promise<void> {
  const adapters = await listAdapters();
  const wanted = options.adapter === undefined ? labelsOf(adapters) : [options.adapter];
  if (!options.json) printSurroundings(adapters);
  const reports = [];
  for (const name of wanted) {
    try {
      reports.push(await examine(name, options.json !== true));
    } catch (error) {
      // A card that Dawn cannot tell from another: the others are examined all the same.
      if (
        options.adapter !== undefined ||
        !(error instanceof FrameworkError && error.code === 'device/adapter')
      )
        throw error;
      process.stderr.write(`${name} is left out: ${error.message} ${error.hint ?? ''}\n`);
    }
  }
  const { swiftshader, loader, missing } = prepareVulkan();
  if (options.json) {
    const system = {
      node: process.version,
      platform: process.platform,
      arch: process.arch,
      loader,
      swiftshader,
      missing,
      cache: cacheFolder(),
    };
    process.stdout.write(
      `${JSON.stringify({ system, advice: advice(adapters), adapters: reports }, null, 2)}\n`,
    );
  }
  if (adapters.length === 0)
    throw new FrameworkError('device/no-adapter', 'No adapter was found.', {
      hint: advice(adapters).join(' '),
    });
  const broken = reports.flatMap((report) =>
    report.kernels
      .filter((proof) => proof.failure !== undefined)
      .map((proof) => `${proof.op} on ${report.name}`),
  );
  if (broken.length > 0) {
    throw new FrameworkError(
      'device/kernel',
      `${broken.length} kernels disagree with their reference: ${broken.join(', ')}.`,
      {
        hint: 'Update the graphics driver; until then choose another adapter with --adapter.',
      },
    );
  }
}

function printSurroundings(adapters: readonly AdapterEntry[]): void {
  const { loader, swiftshader, missing } = prepareVulkan();
  print(`Node ${process.version} on ${process.platform} ${process.arch}`);
  if (process.platform === 'linux')
    print(`Vulkan loader: ${loader}; packaged SwiftShader: ${swiftshader ?? `missing (${missing ?? ''})`}`);
  print(`${adapters.length} adapter${adapters.length === 1 ? '' : 's'}, best first:`);
  const labels = labelsOf(adapters);
  for (const [i, entry] of adapters.entries())
    print(`  ${(labels[i] as string).padEnd(12)}${entry.name} (${entry.backend})`);
  for (const line of advice(adapters)) print(`note: ${line}`);
}

/** Missing software, and how to get it. */
function advice(adapters: readonly AdapterEntry[]): string[] {
  const has = (kind: string) => adapters.some((entry) => entry.kind === kind);
  const lines: string[] = [];
  if (!has('gpu')) {
    lines.push(
      process.platform === 'linux'
        ? 'No GPU driver for Vulkan was found. AMD and Intel: install mesa-vulkan-drivers; NVIDIA: install its own driver (with libnvidia-gl).'
        : 'No GPU was found; update the graphics driver.',
    );
  }
  if (process.platform === 'linux' && !has('gpu') && !has('lavapipe')) {
    lines.push(
      'lavapipe (Mesa 24 or newer) computes more than twice as fast as SwiftShader on a processor: scripts/install-lavapipe.sh on Debian.',
    );
  }
  if (process.platform === 'linux' && !has('swiftshader'))
    lines.push('npm install --include=optional brings SwiftShader, which needs no driver.');
  return lines;
}

interface Report {
  readonly name: string;
  readonly kind: string;
  readonly description: string;
  /** Bytes, if the driver tells. */
  readonly memory: number | undefined;
  readonly features: readonly string[];
  readonly dawn: Toggles;
  readonly subgroups: SubgroupProfile;
  readonly limits: object;
  readonly kernels: readonly Proof[];
}

async function examine(name: string, verbose: boolean): Promise<Report> {
  const device = await openDevice(name);
  try {
    const memory = device.kind === 'gpu' ? gpuMemory(device.name) : undefined;
    const pipelines = new PipelineCache(device);
    if (verbose) {
      print(`\n${device.kind}: ${device.description || device.name}`);
      if (device.kind === 'gpu') print(`  memory    ${describeMemory(memory)}`);
      print(`  features  ${[...device.features].sort().join(', ')}`);
      print(`  dawn      ${describeToggles(device.toggles)}`);
      print(`  subgroups ${describeSubgroups(device.profile)}`);
      for (const [key, value] of Object.entries(device.limits)) print(`  ${key} ${value}`);
    }
    const kernels: Proof[] = [];
    for (const op of OPS) {
      const proof = await underWay(`proving ${op.name}`, () => proveOp(device, pipelines, op), !verbose);
      kernels.push(proof);
      const verdict =
        proof.failure === undefined
          ? `ok    ${proof.cases} case${proof.cases === 1 ? '' : 's'}, NMSE ≤ ${proof.nmse.toExponential(1)}`
          : `WRONG ${proof.failure}`;
      if (verbose) print(`  ${op.name.padEnd(30)}${verdict}`);
    }
    return {
      name: device.name,
      kind: device.kind,
      description: device.description,
      memory,
      features: [...device.features],
      dawn: device.toggles,
      subgroups: { subgroups: device.profile.subgroups, matrixUnits: device.profile.matrixUnits },
      limits: device.limits,
      kernels,
    };
  } finally {
    device.close();
  }
}

function describeToggles({ enable, disable }: Toggles): string {
  return [...enable.map((name) => `+${name}`), ...disable.map((name) => `-${name}`)].join(', ') || 'as it is';
}

function describeMemory(bytes: number | undefined): string {
  if (bytes === undefined) return 'not told by the driver: --memory GIB tells training how much there is';
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function describeSubgroups({ subgroups: { min, max }, matrixUnits }: SubgroupProfile): string {
  const units = matrixUnits.map(({ operands, sums, m, n, k }) => `${operands} to ${sums} ${m}x${n}x${k}`);
  const matrices = units.length === 0 ? 'no matrix units' : `matrix units ${units.join(', ')}`;
  return `of ${min === max ? min : `${min} to ${max}`} lanes, ${matrices}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
