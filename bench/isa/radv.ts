import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from '../../src/util/cache-folder.ts';
import { FrameworkError, messageOf } from '../../src/util/errors.ts';

/** Mesa's RADV as a compiler without a GPU: its null hardware, opened by Dawn through a small Vulkan layer (radv-layer.c). */

/** What the driver says of one pipeline: its statistics by name, and its assembly. */
export interface Compiled {
  readonly statistics: ReadonlyMap<string, number>;
  readonly assembly: string;
}

const LAYER = 'VK_LAYER_LARGEKERNEL_isa';
const SOURCE = fileURLToPath(new URL('radv-layer.c', import.meta.url));
const COMPILER = fileURLToPath(new URL('compile.ts', import.meta.url));
const DRIVERS = '/usr/share/vulkan/icd.d';

/**
 * Compiles WGSL for one family of GPUs, as Dawn would on a machine that has one.
 * @param family RADV's name: `navi31` (RDNA 3), `navi21` (RDNA 2), `vega20` (GCN)
 * @param shaders distinct texts with the entry point `main`
 * @returns one result a shader, in their order
 * @throws FrameworkError `device/isa`; where something is not installed it names the Debian packages
 */
export async function compileFor(family: string, shaders: readonly string[]): Promise<Compiled[]> {
  const driver = findDriver();
  const layers = buildLayer();
  const work = mkdtempSync(join(tmpdir(), 'largekernel-isa-'));
  try {
    const [list, output] = [join(work, 'shaders.json'), join(work, 'output')];
    writeFileSync(list, JSON.stringify(shaders));
    await run(list, {
      ...process.env,
      LARGEKERNEL_ISA_OUTPUT: output,
      VK_LAYER_PATH: layers,
      VK_INSTANCE_LAYERS: LAYER,
      VK_DRIVER_FILES: driver,
      VK_ICD_FILENAMES: driver,
      RADV_FORCE_FAMILY: family,
    });
    const compiled = parseOutput(readFileSync(output, 'utf8'));
    if (compiled.length === shaders.length) return compiled;
    throw new FrameworkError(
      'device/isa',
      `${shaders.length} pipelines were asked for, ${compiled.length} came for ${family}.`,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Blocks of lines as radv-layer.c writes them. */
export function parseOutput(text: string): Compiled[] {
  return [...text.matchAll(/^((?:.+: \d+\n)+)assembly\n([^]*?)^end$/gm)].map(
    ([, lines = '', assembly = '']) => ({
      statistics: new Map(
        [...lines.matchAll(/^(.+): (\d+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
      ),
      assembly,
    }),
  );
}

async function run(list: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), COMPILER, list], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.on('close', (status, signal) => {
      resolve(status ?? signal);
    });
    child.on('error', reject);
  });
  if (code === 0) return;
  throw new FrameworkError(
    'device/isa',
    `Compiling for ${env['RADV_FORCE_FAMILY'] ?? ''} ended with ${code}: ${said.trim()}`,
    {
      hint: 'Null hardware was last seen to work with Mesa 25.0.7.',
    },
  );
}

function findDriver(): string {
  const manifest = existsSync(DRIVERS)
    ? readdirSync(DRIVERS).find((file) => /^radeon_icd.*\.json$/.test(file))
    : undefined;
  if (manifest === undefined) throw missing(`no ${DRIVERS}/radeon_icd*.json`, 'mesa-vulkan-drivers');
  return join(DRIVERS, manifest);
}

/** Builds the layer once for each text of its source; returns the folder of its manifest. */
function buildLayer(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const folder = join(cacheFolder(), `isa-${hash}`);
  if (existsSync(folder)) return folder;
  const staging = `${folder}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  try {
    const flags = ['-O1', '-shared', '-fPIC', '-fvisibility=hidden'];
    execFileSync('cc', [...flags, '-o', join(staging, 'radv-layer.so'), SOURCE], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const layer = {
      name: LAYER,
      type: 'GLOBAL',
      library_path: './radv-layer.so',
      api_version: '1.3.0',
      implementation_version: '1',
      description: 'what RADV makes of compute pipelines',
    };
    writeFileSync(join(staging, 'radv-layer.json'), JSON.stringify({ file_format_version: '1.2.0', layer }));
    renameSync(staging, folder);
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (existsSync(folder)) return folder; // another process was first
    throw missing(messageOf(error), 'gcc libc6-dev libvulkan-dev');
  }
  return folder;
}

function missing(what: string, packages: string): FrameworkError {
  return new FrameworkError('device/isa', `The report needs Mesa's RADV and a small Vulkan layer: ${what}.`, {
    hint: `Debian: apt-get install ${packages} (Mesa 25 or newer).`,
  });
}
